#include "cluster/lookupd_protocol.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <limits>
#include <sstream>

#include "nsq/sdk/names.h"

namespace nsq::cluster {

namespace json = Poco::JSON;

using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

std::string sized(std::string_view body) {
    std::array<std::byte, 4> size{};
    sdk::storeBig(size.data(), static_cast<std::int32_t>(body.size()));
    return std::string{sdk::asText(size)}.append(body);
}

/// Throws Poco::Exception for anything but an object.
json::Object::Ptr parseObject(const std::string& text) {
    return json::Parser{}.parse(text).extract<json::Object::Ptr>();
}

int portOf(const json::Object& object, const std::string& key) {
    const int port = object.optValue(key, 0);
    return port > 0 && port <= std::numeric_limits<std::uint16_t>::max() ? port : 0;
}

/// What a host or an address consists of: it becomes part of requests.
bool isHost(std::string_view text) {
    constexpr std::size_t kMost = 255;
    constexpr std::string_view kAllowed =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:%-";
    return text.size() <= kMost && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

}  // namespace

std::string identifyCommand(const sdk::ServerInfo& info) {
    json::Object body;
    body.set("broadcast_address", info.broadcastAddress);
    body.set("hostname", info.hostname);
    body.set("http_port", info.broadcastHttpPort);
    body.set("tcp_port", info.broadcastTcpPort);
    body.set("version", info.version);
    std::ostringstream text;
    body.stringify(text);
    return "IDENTIFY\n" + sized(text.str());
}

std::string topicCommand(std::string_view verb, std::string_view topic, std::string_view channel) {
    if (channel.empty()) return fmt::format("{} {}", verb, topic);
    return fmt::format("{} {} {}", verb, topic, channel);
}

Result<LookupdInfo> parseLookupdInfo(std::string_view answer) {
    try {
        const json::Object::Ptr object = parseObject(std::string{answer});
        auto address = object->optValue<std::string>("broadcast_address", {});
        if (!isHost(address)) address.clear();
        return LookupdInfo{portOf(*object, "tcp_port"), portOf(*object, "http_port"),
                           object->optValue<std::string>("version", {}), std::move(address)};
    } catch (const Poco::Exception&) {
        return Error{ErrorCode::kInvalid, "its answer to IDENTIFY is none"};
    }
}

Result<std::vector<std::string>> parseChannels(const std::string& answer) {
    try {
        const json::Array::Ptr array = parseObject(answer)->getArray("channels");
        if (array.isNull()) return Error{ErrorCode::kInvalid, "the answer has no channels"};
        std::vector<std::string> channels;
        for (const Poco::Dynamic::Var& element : *array) {
            if (!element.isString()) continue;
            const auto& name = element.extract<std::string>();
            if (sdk::isValidChannelName(name) && !sdk::isEphemeral(name)) channels.push_back(name);
        }
        return channels;
    } catch (const Poco::Exception&) {
        return Error{ErrorCode::kInvalid, "the answer is no JSON object"};
    }
}

std::string shown(std::string_view text) {
    constexpr std::size_t kMost = 200;
    std::string line{text.substr(0, kMost)};
    std::ranges::replace_if(
        line, [](char c) { return c < ' ' || c > '~'; }, '?');
    return line;
}

Result<std::optional<std::string>> AnswerReader::next() {
    std::int32_t size = 0;
    if (buffer_.size() < sizeof size) return std::optional<std::string>{};
    size = sdk::loadBig<std::int32_t>(sdk::asBytes(buffer_).data());
    if (size < 0 || size > kMostBytes)
        return Error{ErrorCode::kInvalid, "its answer does not have the size of one"};
    const std::size_t end = sizeof size + static_cast<std::size_t>(size);
    if (buffer_.size() < end) return std::optional<std::string>{};
    std::optional<std::string> answer = buffer_.substr(sizeof size, static_cast<std::size_t>(size));
    buffer_.erase(0, end);
    return answer;
}

}  // namespace nsq::cluster
