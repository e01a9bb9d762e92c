#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "answers.h"
#include "cleaner.h"
#include "nsq/sdk/testing/fake_connection.h"
#include "nsq/sdk/testing/fake_host.h"
#include "nsq/sdk/testing/fake_loop.h"
#include "registration_db.h"
#include "v1_protocol.h"

namespace nsq::lookupd::test {

/// `n1`, with ports 4150 and 4151, unless told otherwise.
Identity identityOf(const std::string& name, std::int64_t httpPort = 4151);

PeerPtr makePeer(const std::string& name, sdk::Clock::time_point lastSeen = sdk::Clock::now());

/// IDENTIFY with this body.
std::string identifyCommand(std::string_view body);

/// A whole one.
inline constexpr std::string_view kBody =
    R"({"broadcast_address":"n1","hostname":"h1","http_port":4151,"tcp_port":4150,"version":"1.3.0"})";

/// Answers, each with its size before it, cut apart.
std::vector<std::string> cut(std::string_view sent);

sdk::HttpRequest request(std::vector<std::pair<std::string, std::string>> query = {});

/// `status body`
std::string text(const sdk::HttpResponse& response);

/// An nsqlookupd without sockets.
struct Server {
    sdk::testing::FakeHost host;
    sdk::testing::FakeLoop loop;
    RegistrationDb db;
    Cleaner cleaner{db};
    V1Protocol protocol{host, db, cleaner};
    /// Of the real clock, which has nothing to do with the loop's.
    Lookupd lookupd{host.infoValues, db, std::chrono::hours{1000}, std::chrono::seconds{45}};

    Server();
};

/// A connection to it that has sent the magic.
struct Client {
    explicit Client(Server& server);

    /// The answers to what is sent.
    std::vector<std::string> send(std::string_view bytes);

    sdk::testing::FakeConnection connection;
    std::unique_ptr<sdk::Session> session;
};

}  // namespace nsq::lookupd::test
