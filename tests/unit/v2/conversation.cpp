#include "conversation.h"

#include <catch2/catch.hpp>

#include "v2_client.h"

namespace nsq::v2 {

namespace {

/// Inputs longer than this are cut only near their ends, and where the test is quick.
constexpr std::size_t kMaxCuts = 600;

struct Outcome {
    std::vector<std::string> output;
    bool closed;

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome converse(const std::vector<std::string_view>& pieces, bool turnForEach) {
    sdk::testing::FakeHost host;
    Client client{host};
    for (const std::string_view piece : pieces) {
        client.connection.receive(piece);
        if (turnForEach) client.connection.endTurn();
    }
    client.connection.endTurn();
    return {readable(client.connection.sent()), client.connection.closed()};
}

void checkPieces(const std::vector<std::string_view>& pieces, const Outcome& expected) {
    for (const bool turnForEach : {false, true}) {
        const Outcome outcome = converse(pieces, turnForEach);
        if (outcome == expected) continue;
        CAPTURE(pieces.size(), pieces[0].size(), turnForEach);
        CHECK(outcome.output == expected.output);
        CHECK(outcome.closed == expected.closed);
    }
}

}  // namespace

void check(const Conversation& conversation) {
    CAPTURE(conversation.name);
    const std::string_view input = conversation.input;
    const Outcome expected{conversation.output, conversation.closed};
    const Outcome whole = converse({input}, true);
    CHECK(whole.output == expected.output);
    CHECK(whole.closed == expected.closed);
    if (!(whole == expected)) return;
    for (std::size_t cut = 1; cut < input.size(); ++cut) {
        if (cut > kMaxCuts / 2 && cut + kMaxCuts / 2 < input.size()) continue;
        checkPieces({input.substr(0, cut), input.substr(cut)}, expected);
    }
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < input.size(); ++i) bytes.push_back(input.substr(i, 1));
    if (!bytes.empty() && bytes.size() < 50000) checkPieces(bytes, expected);
}

}  // namespace nsq::v2
