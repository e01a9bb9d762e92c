#include "bench/publish_command.h"

#include "nsq/sdk/bytes.h"

namespace nsq::bench {

namespace {

void appendBig(std::string& to, std::size_t value) {
    std::byte bytes[4];
    sdk::storeBig(bytes, static_cast<std::int32_t>(value));
    to.append(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

}  // namespace

std::string publishCommand(const Settings& settings, std::uint64_t batch) {
    const std::string body(settings.size, 'x');
    if (settings.batch == 1) {
        std::string command = (settings.deferMs > 0 ? "DPUB " : "PUB ") + settings.topic;
        if (settings.deferMs > 0) command += ' ' + std::to_string(settings.deferMs);
        return command + '\n' + sizedText(body);
    }
    std::string command = "MPUB " + settings.topic + '\n';
    appendBig(command, 4 + batch * (4 + body.size()));
    appendBig(command, batch);
    for (std::uint64_t i = 0; i < batch; ++i) {
        appendBig(command, body.size());
        command += body;
    }
    return command;
}

std::string sizedText(const std::string& text) {
    std::string sized;
    appendBig(sized, text.size());
    return sized + text;
}

}  // namespace nsq::bench
