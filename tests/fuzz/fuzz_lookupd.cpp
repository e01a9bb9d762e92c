// Feeds V1 sessions of one nsqlookupd with any bytes, cut at any places. The input is pieces: a byte that
// says whose the piece is and how long, and its bytes. The JSON of what the database holds at the end must be
// JSON, and topics and peers agree on it.

#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <array>
#include <memory>

#include "fuzz/input.h"
#include "unit/lookupd/fixture.h"

namespace {

using nsq::fuzz::check;
using nsq::fuzz::Input;
using namespace nsq::lookupd;

constexpr std::size_t kClients = 3;

void checkAnswers(test::Client& client) {
    const auto answers = test::cut(client.connection.sent());
    check(std::ranges::find(answers, "half an answer") == answers.end(), "answers are whole");
    check(client.connection.pending() <= client.session->maxPending(), "what is pending is bounded");
}

void checkAgreed(const RegistrationDb& db) {
    for (const PeerPtr& peer : db.peers()) {
        peer->forEach([&](const Peer::Registration& registration) {
            const TopicPtr topic = db.find(registration.topic.name());
            check(topic.get() == &registration.topic, "a peer's topic is known");
            const auto producers = topic->producers();
            check(std::ranges::find(producers, peer) != producers.end(), "a topic knows its producer");
        });
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    test::Server server;
    std::array<std::unique_ptr<test::Client>, kClients> clients;
    for (auto& client : clients) client = std::make_unique<test::Client>(server);
    while (!input.isEmpty()) {
        const std::uint8_t head = input.byte();
        auto& client = clients[head % kClients];
        const std::size_t length = head / kClients;
        if (length == 0) {
            client = std::make_unique<test::Client>(server);  // the one before has gone
            continue;
        }
        client->connection.exchange(nsq::sdk::asText(input.take(length)));
        checkAnswers(*client);
    }
    checkAgreed(server.db);
    for (const auto answer : {nodes, debug, topics})
        Poco::JSON::Parser{}.parse(answer(server.lookupd, {}).body);
    return 0;
}
