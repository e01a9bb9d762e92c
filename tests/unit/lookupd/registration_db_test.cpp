#include "registration_db.h"

#include <catch2/catch.hpp>

#include "fixture.h"

namespace nsq::lookupd::test {

namespace {

using Names = std::vector<std::string>;

Names topicNames(const RegistrationDb& db) {
    Names names;
    for (const TopicPtr& topic : db.topics()) names.push_back(topic->name());
    return names;
}

Names channelNames(const RegistrationDb& db, std::string_view topic) {
    const TopicPtr found = db.find(topic);
    return found == nullptr ? Names{"no such topic"} : found->channels();
}

/// Sorted by name.
Names producerNames(const RegistrationDb& db, std::string_view topic) {
    const TopicPtr found = db.find(topic);
    if (found == nullptr) return {"no such topic"};
    Names names;
    for (const PeerPtr& peer : found->producers()) names.push_back(peer->identity().broadcastAddress);
    std::ranges::sort(names);
    return names;
}

Names topicNames(const Peer& peer) {
    Names names;
    peer.forEach([&](const Peer::Registration& registration) { names.push_back(registration.topic.name()); });
    std::ranges::sort(names);
    return names;
}

PeerPtr addPeer(RegistrationDb& db, const std::string& name) {
    PeerPtr peer = makePeer(name);
    db.add(peer);
    return peer;
}

}  // namespace

TEST_CASE("Topics, channels and producers are found") {
    RegistrationDb db;
    const PeerPtr n1 = addPeer(db, "n1");
    const PeerPtr n2 = addPeer(db, "n2");
    db.addRegistration(*n1, "t", "c2");
    db.addRegistration(*n2, "t", "c1");
    db.addRegistration(*n2, "a", "");
    db.addRegistration(*n2, "a", "");
    CHECK(topicNames(db) == Names{"a", "t"});
    CHECK(channelNames(db, "t") == Names{"c1", "c2"});
    CHECK(channelNames(db, "a").empty());
    CHECK(producerNames(db, "t") == Names{"n1", "n2"});
    CHECK(producerNames(db, "a") == Names{"n2"});
    CHECK(topicNames(*n1) == Names{"t"});
    CHECK(topicNames(*n2) == Names{"a", "t"});
    CHECK(db.peers().size() == 2);
    CHECK(db.find("nosuch") == nullptr);
}

TEST_CASE("Who unregisters from a channel keeps the topic, who does from the topic loses its channels") {
    RegistrationDb db;
    const PeerPtr n1 = addPeer(db, "n1");
    const PeerPtr n2 = addPeer(db, "n2");
    for (const PeerPtr& peer : {n1, n2}) db.addRegistration(*peer, "t", "c");
    db.removeRegistration(*n1, "t", "c");
    CHECK(producerNames(db, "t") == Names{"n1", "n2"});
    CHECK(db.find("t")->producersByChannel()[0].producers == std::vector<PeerPtr>{n2});
    db.removeRegistration(*n2, "t", "");
    CHECK(producerNames(db, "t") == Names{"n1"});
    CHECK(db.find("t")->producersByChannel()[0].producers.empty());
    CHECK(channelNames(db, "t") == Names{"c"});
    CHECK(topicNames(*n2).empty());
    db.removeRegistration(*n2, "t", "");
    db.removeRegistration(*n2, "t", "nosuch");
    db.removeRegistration(*n2, "nosuch", "");
    CHECK(topicNames(db) == Names{"t"});
}

TEST_CASE("What a peer had goes when it leaves, names stay") {
    RegistrationDb db;
    const PeerPtr n1 = addPeer(db, "n1");
    const PeerPtr n2 = addPeer(db, "n2");
    for (const char* topic : {"t", "u", "v"}) db.addRegistration(*n1, topic, "c");
    db.addRegistration(*n2, "t", "c");
    db.leave(n1);
    CHECK(db.peers() == std::vector<PeerPtr>{n2});
    CHECK(producerNames(db, "t") == Names{"n2"});  // at once, although nothing is cleared yet
    CHECK(producerNames(db, "u").empty());
    CHECK(db.find("u")->producersByChannel()[0].producers.empty());
    db.clear(*n1);
    CHECK(topicNames(*n1).empty());
    CHECK(topicNames(db) == Names{"t", "u", "v"});
    CHECK(channelNames(db, "u") == Names{"c"});
    CHECK(n1->use_count() == 1);  // nobody has it any more
}

TEST_CASE("Ephemeral topics and channels go with their last producer") {
    RegistrationDb db;
    const PeerPtr n1 = addPeer(db, "n1");
    const PeerPtr n2 = addPeer(db, "n2");
    for (const PeerPtr& peer : {n1, n2}) {
        db.addRegistration(*peer, "t", "c#ephemeral");
        db.addRegistration(*peer, "e#ephemeral", "d");
    }
    SECTION("by unregistering") {
        db.removeRegistration(*n1, "t", "c#ephemeral");
        db.removeRegistration(*n1, "e#ephemeral", "");
        CHECK(channelNames(db, "t") == Names{"c#ephemeral"});
        CHECK(producerNames(db, "e#ephemeral") == Names{"n2"});
        db.removeRegistration(*n2, "t", "c#ephemeral");
        db.removeRegistration(*n2, "e#ephemeral", "");
    }
    SECTION("by leaving") {
        db.leave(n1);
        db.clear(*n1);
        CHECK(channelNames(db, "t") == Names{"c#ephemeral"});
        db.leave(n2);
        db.clear(*n2);
    }
    SECTION("by unregistering behind one that is still to be cleared") {
        db.leave(n1);
        db.removeRegistration(*n2, "t", "c#ephemeral");
        db.removeRegistration(*n2, "e#ephemeral", "");
    }
    CHECK(topicNames(db) == Names{"t"});
    CHECK(channelNames(db, "t").empty());
}

TEST_CASE("A deleted topic takes all registrations, and can be registered anew") {
    RegistrationDb db;
    const PeerPtr n1 = addPeer(db, "n1");
    db.addRegistration(*n1, "t", "c");
    db.tombstone("t", n1->node(), sdk::Clock::now());
    const TopicPtr before = db.find("t");
    db.deleteTopic("t");
    db.deleteTopic("nosuch");
    CHECK(topicNames(db).empty());
    CHECK(topicNames(*n1).empty());
    CHECK(before->add(*n1, "c") == Topic::Change::kDeleted);
    db.addRegistration(*n1, "t", "d");
    CHECK(channelNames(db, "t") == Names{"d"});
    CHECK(topicNames(*n1) == Names{"t"});
    CHECK_FALSE(n1->tombstonedAt(*db.find("t")));
}

TEST_CASE("A topic that is deleted and listed yet, as between two threads, is replaced") {
    RegistrationDb db;
    const PeerPtr n1 = addPeer(db, "n1");
    const PeerPtr n2 = addPeer(db, "n2");
    db.addRegistration(*n1, "e#ephemeral", "");
    REQUIRE(db.find("e#ephemeral")->remove(*n1) == Topic::Change::kUnused);
    SECTION("by a registration") {
        db.addRegistration(*n2, "e#ephemeral", "");
        CHECK(producerNames(db, "e#ephemeral") == Names{"n2"});
    }
    SECTION("by a topic made by hand") {
        db.createTopic("e#ephemeral");
    }
    SECTION("by a channel made by hand") {
        db.createChannel("e#ephemeral", "c");
        CHECK(channelNames(db, "e#ephemeral") == Names{"c"});
    }
    CHECK_FALSE(db.find("e#ephemeral")->isDeleted());
}

TEST_CASE("Topics and channels are made and deleted by hand") {
    RegistrationDb db;
    db.createTopic("t");
    db.createTopic("t");
    db.createChannel("u", "c");
    db.createChannel("u", "c");
    CHECK(topicNames(db) == Names{"t", "u"});
    CHECK(channelNames(db, "u") == Names{"c"});
    CHECK(db.deleteChannel("u", "c"));
    CHECK_FALSE(db.deleteChannel("u", "c"));
    CHECK_FALSE(db.deleteChannel("nosuch", "c"));
    CHECK(channelNames(db, "u").empty());
}

TEST_CASE("A tombstone is for one topic of one node, until it registers again") {
    RegistrationDb db;
    const PeerPtr n1 = addPeer(db, "n1");
    const PeerPtr n2 = addPeer(db, "n2");
    for (const PeerPtr& peer : {n1, n2}) {
        for (const char* topic : {"t", "u"}) db.addRegistration(*peer, topic, "");
    }
    const auto now = sdk::Clock::now();
    db.tombstone("t", "n1:4151", now);
    db.tombstone("t", "n3:4151", now);
    db.tombstone("nosuch", "n1:4151", now);
    CHECK(n1->tombstonedAt(*db.find("t")) == now);
    CHECK_FALSE(n1->tombstonedAt(*db.find("u")));
    CHECK_FALSE(n2->tombstonedAt(*db.find("t")));
    db.addRegistration(*n1, "t", "c");  // it is registered already
    CHECK(n1->tombstonedAt(*db.find("t")) == now);
    db.removeRegistration(*n1, "t", "");
    db.addRegistration(*n1, "t", "");
    CHECK_FALSE(n1->tombstonedAt(*db.find("t")));
}

TEST_CASE("The cleaner clears those that leave") {
    RegistrationDb db;
    const PeerPtr peer = addPeer(db, "n1");
    {
        Cleaner cleaner{db};
        for (int i = 0; i < 1000; ++i) db.addRegistration(*peer, std::to_string(i) + "#ephemeral", "c");
        db.leave(peer);
        cleaner.add(peer);
        while (!db.topics().empty()) std::this_thread::yield();
    }
    CHECK(peer->use_count() == 1);
}

TEST_CASE("Those the cleaner has not come to go with the database") {
    std::vector<PeerPtr> peers;
    {
        RegistrationDb db;
        const PeerPtr stays = addPeer(db, "stays");
        for (int i = 0; i < 200; ++i) peers.push_back(addPeer(db, "n" + std::to_string(i)));
        for (int i = 0; i < 200; ++i) {
            const std::string topic = std::to_string(i) + (i % 2 == 0 ? "" : "#ephemeral");
            for (const PeerPtr& peer : peers) db.addRegistration(*peer, topic, "c");
            db.addRegistration(*stays, topic, "c");
        }
        {
            Cleaner cleaner{db};
            for (const PeerPtr& peer : peers) {
                db.leave(peer);
                cleaner.add(peer);
            }
        }
        // Without these topics the database has nothing to do with those peers any more.
        for (int i = 1; i < 200; i += 2) {
            db.removeRegistration(*stays, std::to_string(i) + "#ephemeral", "");
        }
        CHECK(topicNames(db).size() == 100);
    }
    for (const PeerPtr& peer : peers) CHECK(peer->use_count() == 1);
}

TEST_CASE("A database with peers in it is destroyed with them") {
    const PeerPtr peer = makePeer("n1");
    {
        RegistrationDb db;
        db.add(peer);
        for (const char* topic : {"t", "u"}) db.addRegistration(*peer, topic, "c");
    }
    CHECK(peer->use_count() == 1);
    CHECK(topicNames(*peer).empty());
}

}  // namespace nsq::lookupd::test
