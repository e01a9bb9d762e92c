// TLS and compression: what is agreed, and in which order. The texts are nsqd 1.3.0's.

#include <catch2/catch.hpp>

#include "v2_client.h"

namespace nsq::v2 {

namespace {

/// The first mark of a filter in `output`, or an empty text.
std::string_view firstMark(std::string_view output) {
    std::string_view first;
    for (const std::string_view name : {"<tls>", "<snappy>", "<deflate "}) {
        const std::size_t at = output.find(name);
        if (at == std::string_view::npos || (!first.empty() && output.data() + at > first.data())) continue;
        first = output.substr(at, output.find('>', at) + 1 - at);
    }
    return first;
}

/// Output and marks of filters, in order.
Lines readableParts(std::string_view output) {
    Lines lines;
    for (;;) {
        const std::string_view mark = firstMark(output);
        const auto before =
            mark.empty() ? output.size() : static_cast<std::size_t>(mark.data() - output.data());
        for (std::string& line : readable(output.substr(0, before))) lines.push_back(std::move(line));
        if (mark.empty()) return lines;
        lines.emplace_back(mark);
        output.remove_prefix(before + mark.size());
    }
}

/// What follows the JSON that answers an IDENTIFY with these fields.
Lines upgrades(Client& client, const std::string& fields) {
    client.connection.exchange(identifyCommand(R"({"feature_negotiation":true,)" + fields + "}"));
    Lines lines = readableParts(client.connection.sent());
    REQUIRE(!lines.empty());
    if (lines.front().starts_with("{")) lines.erase(lines.begin());
    return lines;
}

Lines upgrades(const sdk::Limits& limits, const std::string& fields) {
    sdk::testing::FakeHost host;
    host.limitValues = limits;
    Client client{host};
    return upgrades(client, fields);
}

sdk::Limits withTls() {
    sdk::Limits limits;
    limits.tls = true;
    return limits;
}

std::string agreedLevel(const sdk::Limits& limits, const std::string& fields) {
    sdk::testing::FakeHost host;
    host.limitValues = limits;
    Client client{host};
    client.connection.exchange(identifyCommand(R"({"feature_negotiation":true,)" + fields + "}"));
    const std::string sent = client.connection.sent();
    const std::string key = "\"deflate_level\":";
    return sent.substr(sent.find(key) + key.size(), 1);
}

}  // namespace

TEST_CASE("Each upgrade is confirmed through itself, TLS first") {
    CHECK(upgrades(withTls(), R"("tls_v1":true)") == Lines{"<tls>", "OK"});
    CHECK(upgrades(withTls(), R"("snappy":true)") == Lines{"<snappy>", "OK"});
    CHECK(upgrades(withTls(), R"("deflate":true)") == Lines{"<deflate 6>", "OK"});
    CHECK(upgrades(withTls(), R"("snappy":true,"tls_v1":true)") == Lines{"<tls>", "OK", "<snappy>", "OK"});
    CHECK(upgrades(withTls(), R"("deflate":true,"deflate_level":2,"tls_v1":true)") ==
          Lines{"<tls>", "OK", "<deflate 2>", "OK"});
}

TEST_CASE("What the server does not have is not agreed") {
    sdk::Limits limits;
    limits.snappy = false;
    limits.deflate = false;
    CHECK(upgrades(limits, R"("tls_v1":true,"snappy":true,"deflate":true)").empty());
    limits.deflate = true;
    CHECK(upgrades(limits, R"("snappy":true,"deflate":true)") == Lines{"<deflate 6>", "OK"});
}

TEST_CASE("The level of deflate is the one asked for, up to the server's") {
    sdk::Limits limits;
    CHECK(agreedLevel(limits, R"("deflate":true)") == "6");
    CHECK(agreedLevel(limits, R"("deflate":true,"deflate_level":1)") == "1");
    CHECK(agreedLevel(limits, R"("deflate":true,"deflate_level":9)") == "6");
    CHECK(agreedLevel(limits, R"("deflate":true,"deflate_level":-3)") == "6");
    CHECK(agreedLevel(limits, R"("deflate":true,"deflate_level":9223372036854775807)") == "6");
    CHECK(agreedLevel(limits, R"("deflate_level":2)") == "6");
    limits.maxDeflateLevel = 9;
    CHECK(agreedLevel(limits, R"("deflate":true,"deflate_level":9)") == "9");
    limits.maxDeflateLevel = 3;
    CHECK(agreedLevel(limits, R"("deflate":false)") == "3");
}

TEST_CASE("Without feature_negotiation nothing is agreed") {
    sdk::testing::FakeHost host;
    host.limitValues = withTls();
    Client client{host};
    CHECK(client.send(identifyCommand(R"({"tls_v1":true,"snappy":true,"deflate":true})")) == Lines{"OK"});
    CHECK(client.connection.filters().empty());
}

TEST_CASE("Commands in the packet of the IDENTIFY come through the new filter") {
    sdk::testing::FakeHost host;
    Client client{host};
    client.connection.receive(identifyCommand(R"({"feature_negotiation":true,"snappy":true})") + "WHAT\n");
    // The connection has them now; it gives them back when they are decoded.
    CHECK(readableParts(client.connection.sent()).empty());
    CHECK(client.connection.pending() == 5);
    client.connection.endTurn();
    Lines lines = readableParts(client.connection.sent());
    REQUIRE(lines.size() == 4);
    CHECK(lines[1] == "<snappy>");
    CHECK(lines[2] == "OK");
    CHECK(lines[3] == "!E_INVALID invalid command WHAT");
}

TEST_CASE("What was sent before the client's end still comes through a filter that is started after it") {
    sdk::testing::FakeHost host;
    host.fakeBroker.holdOutcomes(true);
    Client client{host};
    const std::string upgrade = identifyCommand(R"({"feature_negotiation":true,"snappy":true})");
    CHECK(client.send("PUB t\n" + sized("a") + upgrade).empty());
    CHECK(client.connection.endInput());
    host.fakeBroker.holdOutcomes(false);
    host.fakeBroker.releaseOutcomes();
    client.idle();
    CHECK(client.connection.filters() == Lines{"snappy"});
    CHECK(!client.connection.closed());
    CHECK(client.send("PUB t\n" + sized("b")) == Lines{"OK"});
    CHECK(!client.connection.closed());
    CHECK(!client.connection.endInput());
}

TEST_CASE("Where TLS is required nothing goes before it") {
    sdk::testing::FakeHost host;
    host.limitValues = withTls();
    host.limitValues.tlsRequired = true;
    for (const std::string command : {"NOP", "PUB t", "SUB t c", "RDY 1", "AUTH", "WHAT"}) {
        CAPTURE(command);
        Client client{host};
        const std::string name = command.substr(0, command.find(' '));
        CHECK(client.send(command + "\n") ==
              Lines{"!E_INVALID cannot " + name + " in current state (TLS required)"});
        CHECK(client.connection.closed());
    }
    Client client{host};
    CHECK(upgrades(client, R"("snappy":true)") == Lines{"<snappy>", "OK"});
    CHECK(client.send("NOP\n") == Lines{"!E_INVALID cannot NOP in current state (TLS required)"});
    Client secured{host};
    CHECK(upgrades(secured, R"("tls_v1":true)") == Lines{"<tls>", "OK"});
    CHECK(secured.send("NOP\n").empty());
    CHECK(secured.send("SUB t c\n") == Lines{"OK"});
}

TEST_CASE("A handshake that fails is an error of the IDENTIFY") {
    sdk::testing::FakeHost host;
    host.limitValues = withTls();
    Client client{host};
    upgrades(client, R"("tls_v1":true)");
    client.session->onTlsFailed("tls: no shared cipher");
    CHECK(client.idle() == Lines{"!E_IDENTIFY_FAILED IDENTIFY failed tls: no shared cipher"});
    CHECK(client.connection.closed());
}

TEST_CASE("A client that identifies itself again may add a compression, but nothing twice") {
    sdk::testing::FakeHost host;
    host.limitValues = withTls();
    Client twice{host};
    upgrades(twice, R"("tls_v1":true)");
    CHECK(upgrades(twice, R"("snappy":true)") == Lines{"<snappy>", "OK"});
    CHECK(upgrades(twice, R"("deflate":true)") ==
          Lines{"!E_IDENTIFY_FAILED IDENTIFY failed the connection is compressed already"});
    Client late{host};
    upgrades(late, R"("deflate":true)");
    CHECK(upgrades(late, R"("tls_v1":true)") ==
          Lines{"!E_IDENTIFY_FAILED IDENTIFY failed it is too late for TLS"});
}

}  // namespace nsq::v2
