#pragma once

#include <cstddef>
#include <vector>

#include "bench/v2_client.h"

namespace nsq::bench {

/// Tells which of one thread's connections have received something. THREAD: one.
class ClientGroup {
public:
    ClientGroup();
    ClientGroup(const ClientGroup&) = delete;
    ~ClientGroup();

    /// `client` outlives this object. Clients are numbered from 0.
    void add(const V2Client& client);

    /// Waits until some have, and returns their numbers, valid until the next call. A single client is
    /// returned at once: its receive() waits, which saves a system call.
    const std::vector<std::size_t>& wait();

private:
    const int epoll_;
    std::size_t size_ = 0;
    std::vector<std::size_t> ready_;
};

}  // namespace nsq::bench
