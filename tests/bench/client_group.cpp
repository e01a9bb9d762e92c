#include "bench/client_group.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace nsq::bench {

ClientGroup::ClientGroup() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) throw std::runtime_error(std::string("epoll_create1: ") + std::strerror(errno));
}

ClientGroup::~ClientGroup() {
    ::close(epoll_);
}

void ClientGroup::add(const V2Client& client) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = size_++;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd(), &event) != 0)
        throw std::runtime_error(std::string("epoll_ctl: ") + std::strerror(errno));
}

const std::vector<std::size_t>& ClientGroup::wait() {
    ready_.clear();
    if (size_ == 1) {
        ready_.push_back(0);
        return ready_;
    }
    epoll_event events[256];
    const int count = ::epoll_wait(epoll_, events, std::size(events), -1);
    for (int i = 0; i < count; ++i) ready_.push_back(events[i].data.u64);
    return ready_;
}

}  // namespace nsq::bench
