#pragma once

#include <string>
#include <string_view>

#include "bench/socket.h"

namespace nsq::bench {

/// Pipelined HTTP requests on one connection, as much of it as a benchmark needs: answers have a
/// Content-Length. Errors are thrown as std::runtime_error. THREAD: one.
class HttpClient {
public:
    /// `port` on 127.0.0.1.
    explicit HttpClient(int port) : socket_(port) {}

    /// The text of a POST without a body.
    static std::string post(std::string_view target);

    void send(std::string_view requests) { socket_.send(sdk::asBytes(requests)); }

    /// Reads one answer, which must be 200.
    void expectOk();

private:
    std::size_t answerBytes() const;

    Socket socket_;
    std::string received_;
};

}  // namespace nsq::bench
