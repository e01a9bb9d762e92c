#include "auth/auth_client.h"

#include <Poco/Net/HTTPBasicCredentials.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/URI.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "net/connect.h"
#include "net/resolver.h"

namespace nsq::auth {

using Poco::Net::HTTPRequest;
using Poco::Net::StreamSocket;
using sdk::ErrorCode;
using std::chrono::milliseconds;

namespace {

/// The largest answer (chosen, bytes): thousands of rules.
constexpr std::size_t kMaxAnswer = 1024 * 1024;

/// Why there is no good answer, for the log.
class NoAnswer : public std::runtime_error {
public:
    NoAnswer(ErrorCode code, const std::string& why) : runtime_error(why), code_(code) {}

    sdk::Error error() const { return {code_, what()}; }

private:
    ErrorCode code_;
};

Poco::Timespan timespan(milliseconds time) {
    return Poco::Timespan{std::chrono::microseconds{time}.count()};
}

milliseconds until(sdk::Clock::time_point deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - sdk::Clock::now());
    return std::max(left, milliseconds{1});
}

HTTPRequest requestFor(const ServerAddress& server, const sdk::Credentials& credentials) {
    HTTPRequest request{HTTPRequest::HTTP_GET, server.target(credentials), HTTPRequest::HTTP_1_1};
    request.setHost(server.host(), server.port());
    request.set("Accept", "application/vnd.nsq; version=1.0");
    if (const std::string& info = server.userInfo(); !info.empty()) {
        const std::size_t colon = std::min(info.find(':'), info.size());
        std::string user;
        std::string password;
        Poco::URI::decode(info.substr(0, colon), user);
        Poco::URI::decode(info.substr(std::min(colon + 1, info.size())), password);
        Poco::Net::HTTPBasicCredentials{user, password}.authenticate(request);
    }
    return request;
}

std::string readBody(std::istream& in) {
    std::string body;
    std::array<char, 16384> piece;
    while (in.good()) {
        in.read(piece.data(), piece.size());
        body.append(piece.data(), static_cast<std::size_t>(in.gcount()));
        if (body.size() > kMaxAnswer) throw NoAnswer(ErrorCode::kAuthFailed, "its answer is too large");
    }
    return body;
}

}  // namespace

sdk::Result<void> AuthClient::start() {
    if (std::ranges::none_of(settings_.servers, &ServerAddress::isHttps)) return {};
    using Poco::Net::Context;
    try {
        const std::string& file = settings_.rootCaFile;
        tls_ = new Context{Context::TLS_CLIENT_USE, file, Context::VERIFY_STRICT, 9, file.empty()};
        tls_->requireMinimumProtocol(Context::PROTO_TLSV1_2);
    } catch (const Poco::Exception& error) {
        return sdk::Error{ErrorCode::kInvalid, "certificates for auth servers: " + error.displayText()};
    }
    return {};
}

sdk::Result<std::string> AuthClient::ask(const ServerAddress& server, const sdk::Credentials& credentials) {
    try {
        return converse(server, credentials);
    } catch (const NoAnswer& none) {
        return none.error();
    } catch (const Poco::Exception& error) {
        return sdk::Error{ErrorCode::kInvalid, error.displayText()};
    } catch (const std::exception& error) {
        return sdk::Error{ErrorCode::kInvalid, error.what()};
    }
}

StreamSocket AuthClient::connect(const ServerAddress& server, sdk::Clock::time_point deadline) {
    const auto connectUntil = std::min(deadline, sdk::Clock::now() + settings_.connectTimeout);
    auto addresses = net::resolve({server.host(), server.port()}, connectUntil, stop_);
    if (!addresses) throw NoAnswer(ErrorCode::kInvalid, addresses.error().text);
    // With another one first each time: a dead one costs its part of the time whenever it is the first.
    auto& all = addresses.value();
    std::ranges::rotate(all, all.begin() + static_cast<std::ptrdiff_t>(turn_++ % all.size()));
    const auto connected = net::connectTo(all, connectUntil, stop_);
    if (!connected) throw NoAnswer(ErrorCode::kInvalid, connected.error().text);
    StreamSocket socket = connected.value();
    socket.setBlocking(true);
    socket.setReceiveTimeout(timespan(until(deadline)));
    socket.setSendTimeout(timespan(until(deadline)));
    return socket;
}

std::string AuthClient::converse(const ServerAddress& server, const sdk::Credentials& credentials) {
    const auto deadline = sdk::Clock::now() + settings_.requestTimeout;
    StreamSocket socket = connect(server, deadline);
    const SocketWatch::Guard guard{watch_, socket.impl()->sockfd(), deadline};
    const NoAnswer ended{ErrorCode::kInvalid, "it did not answer in time"};
    try {
        if (server.isHttps()) socket = Poco::Net::SecureStreamSocket::attach(socket, server.host(), tls_);
        Poco::Net::HTTPClientSession session{socket};
        HTTPRequest request = requestFor(server, credentials);
        session.sendRequest(request);
        Poco::Net::HTTPResponse response;
        std::istream& in = session.receiveResponse(response);
        if (response.getStatus() != Poco::Net::HTTPResponse::HTTP_OK) {
            throw NoAnswer(ErrorCode::kAuthFailed,
                           "it answered with status " + std::to_string(response.getStatus()));
        }
        std::string body = readBody(in);
        if (guard.ended()) throw ended;
        if (const Poco::Exception* error = session.networkException()) error->rethrow();
        return body;
    } catch (const Poco::Exception&) {
        if (guard.ended()) throw ended;
        throw;
    }
}

}  // namespace nsq::auth
