#include "cleaner.h"

#include <utility>

namespace nsq::lookupd {

Cleaner::~Cleaner() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Cleaner::add(PeerPtr peer) {
    {
        const std::lock_guard lock{mutex_};
        peers_.push_back(std::move(peer));
    }
    wake_.notify_one();
}

void Cleaner::run() {
    std::unique_lock lock{mutex_};
    for (;;) {
        wake_.wait(lock, [this] { return stopping_ || !peers_.empty(); });
        if (stopping_) return;
        const PeerPtr peer = std::move(peers_.back());
        peers_.pop_back();
        lock.unlock();
        db_.clear(*peer);
        lock.lock();
    }
}

}  // namespace nsq::lookupd
