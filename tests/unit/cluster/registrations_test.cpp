#include "cluster/registrations.h"

#include <catch2/catch.hpp>

namespace nsq::cluster {
namespace {

using Changes = std::vector<RegistrationChange>;

/// A topic with channels, as the broker shows it. Each thing made is another one.
struct Topic {
    using Thing = std::shared_ptr<int>;

    void add(const std::string& channel) { channels[channel] = std::make_shared<int>(); }

    broker::KnownTopic known() const {
        broker::KnownTopic known{self, {}};
        for (const auto& [name, thing] : channels) known.channels.push_back({name, thing});
        return known;
    }

    Thing self = std::make_shared<int>();
    std::map<std::string, Thing> channels;
};

TEST_CASE("a lookupd is told what is new and what has gone", "[cluster]") {
    Registrations registrations;
    Topic topic;
    CHECK(registrations.update("t", topic.known()) == Changes{{true, "t", ""}});
    CHECK(registrations.update("t", topic.known()).empty());
    topic.add("a");
    topic.add("b#ephemeral");
    CHECK(registrations.update("t", topic.known()) == Changes{{true, "t", "a"}, {true, "t", "b#ephemeral"}});
    CHECK(registrations.update("t", topic.known()).empty());
    topic.channels.erase("b#ephemeral");
    topic.add("c");
    CHECK(registrations.update("t", topic.known()) == Changes{{false, "t", "b#ephemeral"}, {true, "t", "c"}});
    CHECK(registrations.update("u", std::nullopt).empty());
    CHECK(registrations.update("t", std::nullopt) ==
          Changes{{false, "t", "a"}, {false, "t", "c"}, {false, "t", ""}});
    CHECK(registrations.update("t", std::nullopt).empty());
}

TEST_CASE("the channels of a topic register it with them", "[cluster]") {
    Registrations registrations;
    Topic topic;
    topic.add("a");
    topic.add("b");
    CHECK(registrations.update("t", topic.known()) == Changes{{true, "t", "a"}, {true, "t", "b"}});
}

TEST_CASE("what was made anew under its old name is taken back first", "[cluster]") {
    Registrations registrations;
    Topic topic;
    topic.add("a");
    topic.add("b");
    registrations.update("t", topic.known());
    topic.add("a");
    CHECK(registrations.update("t", topic.known()) == Changes{{false, "t", "a"}, {true, "t", "a"}});
    Topic again;
    again.add("b");
    CHECK(registrations.update("t", again.known()) ==
          Changes{{false, "t", "a"}, {false, "t", "b"}, {false, "t", ""}, {true, "t", "b"}});
}

}  // namespace
}  // namespace nsq::cluster
