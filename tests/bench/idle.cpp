#include "bench/idle.h"

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <vector>

#include "bench/socket.h"
#include "nsq/sdk/bytes.h"

namespace nsq::bench {

void holdIdle(const Settings& settings) {
    const std::string subscribe =
        "  V2SUB " + settings.topic + " " + settings.channel + "\nRDY " + std::to_string(settings.rdy) + "\n";
    std::vector<std::unique_ptr<Socket>> sockets;
    std::vector<pollfd> polled{{STDIN_FILENO, POLLIN, 0}};
    std::byte buffer[4096];
    for (std::uint64_t i = 0; i < settings.connections; ++i) {
        Socket& socket = *sockets.emplace_back(std::make_unique<Socket>(static_cast<int>(settings.port)));
        socket.send(sdk::asBytes(subscribe));
        socket.receive(buffer);  // OK
        polled.push_back({socket.fd(), POLLIN, 0});
    }
    std::printf("{\"subscribed\":%zu}\n", sockets.size());
    std::fflush(stdout);
    for (;;) {
        ::poll(polled.data(), polled.size(), -1);
        if (polled[0].revents != 0) return;
        for (std::size_t i = 0; i < sockets.size(); ++i) {
            if (polled[i + 1].revents == 0) continue;
            sockets[i]->receive(buffer);  // nothing but heartbeats comes
            sockets[i]->send(sdk::asBytes("NOP\n"));
        }
    }
}

}  // namespace nsq::bench
