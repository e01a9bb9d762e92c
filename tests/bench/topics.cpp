#include "bench/topics.h"

#include <algorithm>
#include <string>

#include "bench/http_client.h"
#include "bench/publish_command.h"
#include "bench/v2_client.h"

namespace nsq::bench {

void makeTopics(const Settings& settings) {
    const auto nameOf = [&](std::uint64_t number) { return settings.topic + std::to_string(number); };
    V2Client publisher{settings};
    HttpClient administrator{static_cast<int>(settings.httpPort)};
    for (std::uint64_t from = 0; from < settings.messages; from += settings.window) {
        const std::uint64_t to = std::min(from + settings.window, settings.messages);
        Settings one = settings;
        one.batch = 1;
        std::string commands;
        std::string requests;
        for (std::uint64_t i = from; i < to; ++i) {
            one.topic = nameOf(i);
            commands += publishCommand(one, 1);
            requests +=
                HttpClient::post("/channel/create?topic=" + nameOf(i) + "&channel=" + settings.channel);
        }
        publisher.send(commands);
        for (std::uint64_t i = from; i < to; ++i) publisher.expectOk();
        administrator.send(requests);
        for (std::uint64_t i = from; i < to; ++i) administrator.expectOk();
    }
}

}  // namespace nsq::bench
