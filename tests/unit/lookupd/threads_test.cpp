// What many threads do at once leaves both sides of the database agreed.

#include <catch2/catch.hpp>

#include <random>
#include <set>
#include <thread>

#include "fixture.h"

namespace nsq::lookupd::test {

namespace {

constexpr int kRounds = 3000;

std::string topicOf(std::mt19937& random) {
    const auto number = random() % 6;
    return "t" + std::to_string(number) + (number % 2 == 0 ? "" : "#ephemeral");
}

/// One nsqd after the other.
void beNsqds(RegistrationDb& db, Cleaner& cleaner, std::uint32_t seed) {
    std::mt19937 random{seed};
    for (int round = 0; round < kRounds / 30; ++round) {
        PeerPtr peer = makePeer("n" + std::to_string(seed));
        db.add(peer);
        for (int i = 0; i < 30; ++i) {
            const std::string topic = topicOf(random);
            const std::string channel = random() % 2 == 0 ? "" : random() % 2 == 0 ? "c" : "c#ephemeral";
            if (random() % 3 == 0) {
                db.removeRegistration(*peer, topic, channel);
            } else {
                db.addRegistration(*peer, topic, channel);
            }
        }
        db.leave(peer);
        cleaner.add(std::move(peer));
    }
}

void administrate(RegistrationDb& db) {
    std::mt19937 random{99};
    for (int i = 0; i < kRounds; ++i) {
        const std::string topic = topicOf(random);
        if (random() % 2 == 0) {
            db.deleteTopic(topic);
        } else {
            db.createTopic(topic);
        }
        db.deleteChannel(topic, "c");
        db.tombstone(topic, "n1:4151", sdk::Clock::now());
    }
}

void ask(Server& server) {
    for (int i = 0; i < kRounds / 10; ++i) {
        lookup(server.lookupd, request({{"topic", "t" + std::to_string(i % 6)}}));
        nodes(server.lookupd, request());
        debug(server.lookupd, request());
    }
}

}  // namespace

TEST_CASE("Registrations, deletions and lookups at once") {
    Server server;
    const PeerPtr stays = makePeer("stays");
    server.db.add(stays);
    std::vector<std::thread> threads;
    for (std::uint32_t seed : {1, 2, 3})
        threads.emplace_back([&server, seed] { beNsqds(server.db, server.cleaner, seed); });
    threads.emplace_back([&server] { administrate(server.db); });
    threads.emplace_back([&server] { ask(server); });
    threads.emplace_back([&] {
        for (int i = 0; i < kRounds; ++i) server.db.addRegistration(*stays, "t" + std::to_string(i % 3), "s");
    });
    for (std::thread& thread : threads) thread.join();

    CHECK(server.db.peers() == std::vector<PeerPtr>{stays});
    std::set<std::string> here;
    stays->forEach([&](const Peer::Registration& registration) {
        CHECK(here.insert(registration.topic.name()).second);
        CHECK(server.db.find(registration.topic.name()).get() == &registration.topic);
    });
    std::set<std::string> there;
    for (const TopicPtr& topic : server.db.topics()) {
        CHECK_FALSE(topic->isDeleted());
        for (const PeerPtr& peer : topic->producers()) {
            CHECK(peer == stays);
            there.insert(topic->name());
        }
    }
    CHECK(here == there);
}

}  // namespace nsq::lookupd::test
