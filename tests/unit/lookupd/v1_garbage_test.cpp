// Random input: no crash, bounded memory, whole answers out, both sides of the database agreed.

#include <catch2/catch.hpp>

#include <random>

#include "fixture.h"

namespace nsq::lookupd::test {

namespace {

class Input {
public:
    explicit Input(std::uint32_t seed) : random_(seed) {}

    std::size_t below(std::size_t limit) { return random_() % limit; }

    /// A command that is right, or nearly so.
    std::string command() {
        static const std::string kCommands[] = {"PING\n",
                                                "REGISTER t\n",
                                                "REGISTER t c\n",
                                                "REGISTER e#ephemeral c#ephemeral\n",
                                                "UNREGISTER t\n",
                                                "UNREGISTER t c\n",
                                                "UNREGISTER e#ephemeral\n"};
        std::string text = kCommands[below(std::size(kCommands))];
        if (below(30) == 0) text[below(text.size())] = static_cast<char>(random_());
        if (below(60) == 0) text = identifyCommand(kBody);
        return text;
    }

private:
    std::mt19937 random_;
};

}  // namespace

TEST_CASE("Random commands") {
    const std::uint32_t seed = GENERATE(range(0U, 300U));
    CAPTURE(seed);
    Input input{seed};
    Server server;
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<Client>(server));
    for (auto& client : clients) client->send(identifyCommand(kBody));
    for (int i = 0; i < 200; ++i) {
        Client& client = *clients[input.below(clients.size())];
        std::string bytes = input.command();
        bytes.resize(bytes.size() - (input.below(20) == 0 ? input.below(bytes.size()) : 0));
        for (const std::string& answer : client.send(bytes)) CHECK(answer != "half an answer");
        CHECK(client.connection.pending() <= client.session->maxPending());
    }
    for (const PeerPtr& peer : server.db.peers()) {
        std::vector<const Topic*> topics;  // the peer's lock is not held when a topic's is taken
        peer->forEach([&](const Peer::Registration& registration) { topics.push_back(&registration.topic); });
        for (const Topic* registered : topics) {
            const TopicPtr topic = server.db.find(registered->name());
            REQUIRE(topic.get() == registered);
            const auto producers = topic->producers();
            CHECK(std::ranges::find(producers, peer) != producers.end());
        }
    }
}

}  // namespace nsq::lookupd::test
