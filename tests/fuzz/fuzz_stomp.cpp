// Feeds a STOMP session with any bytes, cut at any places: its answers have to be whole frames, and as many
// bytes as its limits allow. The first byte of the input says how long the pieces are.

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "frame.h"
#include "fuzz/input.h"
#include "nsq/sdk/testing/fake_connection.h"
#include "nsq/sdk/testing/fake_host.h"
#include "nsq/sdk/testing/fake_loop.h"
#include "session.h"

namespace {

using namespace nsq;

/// Heart-beats and frames; without looking at escapes, which are the version's.
void checkFrames(std::string_view output) {
    stomp::FrameReader reader{output.size()};
    while (true) {
        output.remove_prefix(std::min(output.find_first_not_of('\n'), output.size()));
        if (output.empty()) return;
        fuzz::check(reader.read(output, stomp::Version::k10), "the output is whole frames");
        const std::string& command = reader.frame().command;
        fuzz::check(
            command == "CONNECTED" || command == "MESSAGE" || command == "RECEIPT" || command == "ERROR",
            "the frames are a server's");
        output.remove_prefix(reader.size());
        reader.reset();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const std::size_t length = input.byte();
    const std::size_t piece = length == 0 ? size : length;

    sdk::testing::FakeHost host;
    host.limitValues.maxMsgSize = 1000;
    host.limitValues.maxBodySize = 3000;
    sdk::testing::FakeLoop loop;
    sdk::testing::FakeConnection connection{loop};
    connection.setRoom(4000);
    const std::unique_ptr<sdk::Session> session = stomp::makeSession(host, connection);
    connection.attach(*session);
    std::string output;
    while (!input.isEmpty()) {
        connection.exchange(sdk::asText(input.take(piece)));
        loop.advance(std::chrono::milliseconds{100});
        output += connection.sent();
        fuzz::check(connection.pending() <= session->maxPending() + piece, "what it leaves is bounded");
    }
    checkFrames(output);
    sdk::ClientStats stats;
    session->describe(stats);
    return 0;
}
