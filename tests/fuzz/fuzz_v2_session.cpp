// Feeds a V2 session with any bytes, cut at any places. The first byte of the input says how long the pieces
// are.

#include <algorithm>
#include <memory>
#include <string_view>

#include "nsq/sdk/testing/fake_connection.h"
#include "nsq/sdk/testing/fake_host.h"
#include "nsq/sdk/testing/fake_loop.h"
#include "protocol/v2/v2_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t piece = data[0] == 0 ? size : data[0];
    std::string_view rest{reinterpret_cast<const char*>(data) + 1, size - 1};

    nsq::sdk::testing::FakeHost host;
    nsq::sdk::testing::FakeLoop loop;
    nsq::sdk::testing::FakeConnection connection{loop};
    const std::unique_ptr<nsq::sdk::Session> session = nsq::v2::V2Protocol{host}.createSession(connection);
    connection.attach(*session);
    connection.receive("  V2");
    while (!rest.empty()) {
        connection.exchange(rest.substr(0, std::min(piece, rest.size())));
        rest.remove_prefix(std::min(piece, rest.size()));
    }
    return 0;
}
