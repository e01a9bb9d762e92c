#include "auth/auth_client.h"

#include <Poco/Net/DNS.h>
#include <Poco/Net/HTTPBasicCredentials.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/URI.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace nsq::auth {

using std::chrono::milliseconds;
namespace net = Poco::Net;

namespace {

/// The largest answer (chosen, bytes): thousands of rules.
constexpr std::size_t kMaxAnswer = 1024 * 1024;

/// Why there is no answer, for the log.
class NoAnswer : public std::runtime_error {
public:
    using runtime_error::runtime_error;
};

Poco::Timespan timespan(milliseconds time) {
    return Poco::Timespan{std::chrono::microseconds{time}.count()};
}

milliseconds until(sdk::Clock::time_point deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - sdk::Clock::now());
    return std::max(left, milliseconds{1});
}

/// Makes the C library give up a name server after a second, and ask each only once: its own limits are
/// longer than a stop may take, and a look-up cannot be broken off. For this thread.
void limitLookups() {
    thread_local const bool done = [] {
        if (res_init() == 0) {
            _res.retrans = 1;
            _res.retry = 1;
        }
        return true;
    }();
    static_cast<void>(done);
}

/// Not DNS::resolve, which looks up the name of an address and fails without one.
net::HostEntry::AddressList addressesOf(const std::string& host) {
    net::IPAddress address;
    if (net::IPAddress::tryParse(host, address)) return {address};
    limitLookups();
    return net::DNS::hostByName(host).addresses();
}

net::HTTPRequest requestFor(const ServerAddress& server, const sdk::Credentials& credentials) {
    net::HTTPRequest request{net::HTTPRequest::HTTP_GET, server.target(credentials),
                             net::HTTPMessage::HTTP_1_1};
    request.setHost(server.host(), server.port());
    request.set("Accept", "application/vnd.nsq; version=1.0");
    if (const std::string& info = server.userInfo(); !info.empty()) {
        const std::size_t colon = std::min(info.find(':'), info.size());
        std::string user;
        std::string password;
        Poco::URI::decode(info.substr(0, colon), user);
        Poco::URI::decode(info.substr(std::min(colon + 1, info.size())), password);
        net::HTTPBasicCredentials{user, password}.authenticate(request);
    }
    return request;
}

std::string readBody(std::istream& in) {
    std::string body;
    std::array<char, 16384> piece;
    while (in.good()) {
        in.read(piece.data(), piece.size());
        body.append(piece.data(), static_cast<std::size_t>(in.gcount()));
        if (body.size() > kMaxAnswer) throw NoAnswer("its answer is too large");
    }
    return body;
}

}  // namespace

sdk::Result<void> AuthClient::start() {
    if (std::ranges::none_of(settings_.servers, &ServerAddress::isHttps)) return {};
    try {
        const std::string& file = settings_.rootCaFile;
        tls_ = new net::Context{net::Context::TLS_CLIENT_USE, file, net::Context::VERIFY_STRICT, 9,
                                file.empty()};
        tls_->requireMinimumProtocol(net::Context::PROTO_TLSV1_2);
    } catch (const Poco::Exception& error) {
        return sdk::Error{sdk::ErrorCode::kInvalid, "certificates for auth servers: " + error.displayText()};
    }
    return {};
}

sdk::Result<std::string> AuthClient::ask(const ServerAddress& server, const sdk::Credentials& credentials) {
    try {
        return converse(server, credentials);
    } catch (const Poco::Exception& error) {
        return sdk::Error{sdk::ErrorCode::kAuthFailed, error.displayText()};
    } catch (const std::exception& error) {
        return sdk::Error{sdk::ErrorCode::kAuthFailed, error.what()};
    }
}

AuthClient::Conversation AuthClient::connect(const ServerAddress& server, sdk::Clock::time_point deadline) {
    const auto connectUntil = std::min(deadline, sdk::Clock::now() + settings_.connectTimeout);
    const net::HostEntry::AddressList addresses = addressesOf(server.host());
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const net::SocketAddress address{addresses[i], server.port()};
        Conversation made{net::StreamSocket{address.family()}, nullptr};
        made.guard = std::make_unique<SocketWatch::Guard>(watch_, made.socket.impl()->sockfd(), deadline);
        try {
            made.socket.connect(address, timespan(until(connectUntil)));
            made.socket.setReceiveTimeout(timespan(until(deadline)));
            made.socket.setSendTimeout(timespan(until(deadline)));
            return made;
        } catch (const Poco::Exception&) {
            if (i + 1 == addresses.size() || sdk::Clock::now() >= connectUntil) throw;
        }
    }
    throw NoAnswer("its name has no address");
}

std::string AuthClient::converse(const ServerAddress& server, const sdk::Credentials& credentials) {
    const auto deadline = sdk::Clock::now() + settings_.requestTimeout;
    const Conversation conversation = connect(server, deadline);
    const NoAnswer ended{"it did not answer in time"};
    try {
        net::StreamSocket socket = conversation.socket;
        if (server.isHttps()) socket = net::SecureStreamSocket::attach(socket, server.host(), tls_);
        net::HTTPClientSession session{socket};
        net::HTTPRequest request = requestFor(server, credentials);
        session.sendRequest(request);
        net::HTTPResponse response;
        std::istream& in = session.receiveResponse(response);
        if (response.getStatus() != net::HTTPResponse::HTTP_OK) {
            throw NoAnswer("it answered with status " + std::to_string(response.getStatus()));
        }
        std::string body = readBody(in);
        if (conversation.guard->ended()) throw ended;
        if (const Poco::Exception* error = session.networkException()) error->rethrow();
        return body;
    } catch (const Poco::Exception&) {
        if (conversation.guard->ended()) throw ended;
        throw;
    }
}

}  // namespace nsq::auth
