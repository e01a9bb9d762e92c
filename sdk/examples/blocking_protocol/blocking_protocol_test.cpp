// What ioLoop does with a client's lines, without a server, a connection or a thread. The protocol's class is
// in the plugin's source.

#include "blocking_protocol.cpp"

#include <nsq/sdk/testing/fake_host.h>
#include <nsq/sdk/testing/fake_stream.h>

#include <iostream>

int main() {
    sdk::testing::FakeHost host;
    sdk::testing::FakeStream stream(host.fakeBroker,
                                    "PUB greetings hello, world\nSUB greetings readers\nFIN what\n");
    TalkProtocol{host}.ioLoop(stream);

    const std::string written = stream.written();
    std::cout << written;
    const auto& messages = host.fakeBroker.channel("greetings", "readers")->inFlight;
    const bool good = written.starts_with("ok\nok\nerror ") && written.ends_with(" 1 hello, world\n") &&
                      messages.size() == 1;
    std::cout << (good ? "ok" : "FAILED") << '\n';
    return good ? 0 : 1;
}
