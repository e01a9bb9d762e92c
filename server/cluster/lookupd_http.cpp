#include "cluster/lookupd_http.h"

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <fcntl.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <istream>
#include <utility>

#include "net/connect.h"

namespace nsq::cluster {

using net::Interrupt;
using Poco::Net::HTTPRequest;
using Poco::Net::HTTPResponse;
using Poco::Net::StreamSocket;
using Poco::Net::StreamSocketImpl;
using sdk::Clock;
using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

/// Longest answer that is taken (chosen): with names of the longest kind, fifteen thousand channels.
constexpr std::size_t kMostBytes = 1 << 20;

/// Most header fields of an answer (chosen).
constexpr int kMostFields = 100;

Error failure(std::string why) {
    return {ErrorCode::kInvalid, std::move(why)};
}

Result<std::string> readAll(std::istream& body) {
    std::string text;
    char buffer[4096];
    while (body.read(buffer, sizeof buffer), body.gcount() > 0) {
        text.append(buffer, static_cast<std::size_t>(body.gcount()));
        if (text.size() > kMostBytes) return failure("the answer is too long");
    }
    return text;
}

/// A connected socket in which nothing waits for longer than a deadline, or an interrupt, lets it: Poco's
/// timeouts begin anew with each byte.
class BoundedSocket final : public StreamSocketImpl {
public:
    BoundedSocket(const StreamSocket& connected, const Interrupt& interrupt)
        : StreamSocketImpl(::fcntl(connected.impl()->sockfd(), F_DUPFD_CLOEXEC, 0)), interrupt_(interrupt) {
        setBlocking(true);
    }

    void setDeadline(Clock::time_point deadline) { deadline_ = deadline; }

    using StreamSocketImpl::receiveBytes;
    int receiveBytes(void* buffer, int length, int flags) override {
        await(POLLIN);
        return StreamSocketImpl::receiveBytes(buffer, length, flags);
    }

    using StreamSocketImpl::sendBytes;
    int sendBytes(const void* buffer, int length, int flags) override {
        await(POLLOUT);  // there is room for a request then, or for none
        return StreamSocketImpl::sendBytes(buffer, length, flags | MSG_NOSIGNAL);
    }

private:
    void await(short events) const {
        if (interrupt_.wait(sockfd(), events, deadline_) == Interrupt::Waited::kInterrupted)
            throw Poco::IOException("stopped");
        // Something is always ready when it comes without end.
        if (Clock::now() >= deadline_) throw Poco::TimeoutException("the answer does not come");
    }

    const Interrupt& interrupt_;
    Clock::time_point deadline_;
};

}  // namespace

class LookupdHttp::Connection {
public:
    Connection(options::HostAndPort host, const StreamSocket& connected, const Interrupt& interrupt)
        : host_(std::move(host)),
          socket_(new BoundedSocket{connected, interrupt}),
          session_(StreamSocket{socket_}) {
        session_.setKeepAlive(true);
    }

    const options::HostAndPort& host() const { return host_; }

    /// Another question may be asked over it.
    bool canGoOn() const { return canGoOn_; }

    /// Throws what Poco throws; then it is of no use any more.
    Result<std::string> ask(const std::string& target, Clock::time_point deadline) {
        socket_->setDeadline(deadline);
        HTTPRequest request{HTTPRequest::HTTP_GET, target, HTTPRequest::HTTP_1_1};
        request.set("Host", authorityOf(host_));
        request.set("Accept", "application/vnd.nsq; version=1.0");
        session_.sendRequest(request);
        HTTPResponse response;
        response.setFieldLimit(kMostFields);
        std::istream& body = session_.receiveResponse(response);
        canGoOn_ = false;
        if (response.getStatus() != HTTPResponse::HTTP_OK)
            return failure(fmt::format("got response {}", static_cast<int>(response.getStatus())));
        auto text = readAll(body);
        if (const Poco::Exception* error = session_.networkException()) error->rethrow();
        const bool hasEnd = response.hasContentLength() || response.getChunkedTransferEncoding();
        canGoOn_ = text && hasEnd && response.getKeepAlive();
        return text;
    }

private:
    const options::HostAndPort host_;
    BoundedSocket* const socket_;  ///< the session's
    Poco::Net::HTTPClientSession session_;
    bool canGoOn_ = false;
};

LookupdHttp::LookupdHttp(HttpTimeouts timeouts, const Interrupt& interrupt)
    : timeouts_(timeouts), interrupt_(interrupt) {}

LookupdHttp::~LookupdHttp() = default;

void LookupdHttp::close() {
    connection_.reset();
}

Result<std::string> LookupdHttp::get(const options::HostAndPort& host, const std::string& target) {
    const Clock::time_point deadline = Clock::now() + std::chrono::ceil<Clock::duration>(timeouts_.whole());
    if (connection_ && connection_->host() == host) {
        try {
            return ask(target, deadline);
        } catch (const Poco::Exception&) {
            // It may have been closed since the last question, which says nothing of this one.
        }
    }
    if (const auto opened = open(host, deadline); !opened) return opened.error();
    return ask(target, deadline);
}

Result<void> LookupdHttp::open(const options::HostAndPort& host, Clock::time_point deadline) {
    connection_.reset();
    const auto until = Clock::now() + std::chrono::ceil<Clock::duration>(timeouts_.connect);
    const auto socket = net::connectTo(host, std::min(until, deadline), interrupt_);
    if (!socket) return socket.error();
    connection_ = std::make_unique<Connection>(host, socket.value(), interrupt_);
    return {};
}

/// Over the connection that there is, which is kept if it can be.
Result<std::string> LookupdHttp::ask(const std::string& target, Clock::time_point deadline) {
    // If it throws, it is not kept.
    std::unique_ptr<Connection> connection = std::move(connection_);
    const auto until = Clock::now() + std::chrono::ceil<Clock::duration>(timeouts_.request);
    auto answer = connection->ask(target, std::min(until, deadline));
    if (connection->canGoOn()) connection_ = std::move(connection);
    return answer;
}

std::string authorityOf(const options::HostAndPort& host) {
    const bool isIpV6 = host.host.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", isIpV6 ? "[" : "", host.host, isIpV6 ? "]" : "", host.port);
}

}  // namespace nsq::cluster
