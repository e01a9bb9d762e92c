#include "storage/metadata.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <iterator>
#include <sstream>
#include <unordered_map>

#include "checksum/crc32c.h"
#include "nsq/sdk/names.h"
#include "storage/file_io.h"

namespace nsq::storage {

namespace json = Poco::JSON;

namespace {

/// The version of nsqd whose format this is; nsqd writes its own there and does not read it.
constexpr const char* kFormatOf = "1.3.0";

constexpr const char* kChecksumKey = "nsqd_cpp_checksum";
constexpr const char* kEpochKey = "nsqd_cpp_epoch";

json::Object::Ptr named(const std::string& name, bool paused) {
    json::Object::Ptr object = new json::Object{Poco::JSON_PRESERVE_KEY_ORDER};
    object->set("name", name);
    object->set("paused", paused);
    return object;
}

std::vector<ChannelMetadata> readChannels(const json::Array::Ptr& array) {
    std::vector<ChannelMetadata> channels;
    for (std::size_t i = 0; array && i < array->size(); ++i) {
        const json::Object::Ptr object = array->getObject(static_cast<unsigned>(i));
        ChannelMetadata channel{object->optValue<std::string>("name", {}), object->optValue("paused", false)};
        if (sdk::isValidChannelName(channel.name)) channels.push_back(std::move(channel));
    }
    return channels;
}

/// A topic may stand twice in a file written by hand. `places`: where in `topics` each name is.
void merge(std::vector<TopicMetadata>& topics, std::unordered_map<std::string, std::size_t>& places,
           TopicMetadata topic) {
    const auto [place, isNew] = places.emplace(topic.name, topics.size());
    if (isNew) {
        topics.push_back(std::move(topic));
        return;
    }
    TopicMetadata& same = topics[place->second];
    same.paused = same.paused || topic.paused;
    std::ranges::move(topic.channels, std::back_inserter(same.channels));
}

/// Of all that the file says.
std::string checksumOf(const std::vector<TopicMetadata>& topics) {
    std::string text;
    const auto add = [&](const std::string& name, bool paused) {
        text.append(name).push_back(paused ? '\n' : ' ');
    };
    for (const TopicMetadata& topic : topics) {
        add(topic.name, topic.paused);
        for (const ChannelMetadata& channel : topic.channels) add(channel.name, channel.paused);
        if (topic.epoch != 0) text.append(std::to_string(topic.epoch));
        text.push_back('\n');
    }
    return std::to_string(crc32c(sdk::asBytes(text)));
}

Metadata parse(std::string_view text) {
    Metadata metadata;
    std::unordered_map<std::string, std::size_t> places;
    json::Parser parser;
    const Poco::Dynamic::Var parsed = parser.parse(std::string{text});
    const auto root = parsed.extract<json::Object::Ptr>();
    const json::Array::Ptr list = root->getArray("topics");
    for (std::size_t i = 0; list && i < list->size(); ++i) {
        const json::Object::Ptr object = list->getObject(static_cast<unsigned>(i));
        TopicMetadata topic{object->optValue<std::string>("name", {}), object->optValue("paused", false),
                            readChannels(object->getArray("channels")),
                            object->optValue<std::uint32_t>(kEpochKey, 0)};
        if (sdk::isValidTopicName(topic.name)) merge(metadata.topics, places, std::move(topic));
    }
    metadata.isOurs = root->optValue<std::string>(kChecksumKey, {}) == checksumOf(metadata.topics);
    return metadata;
}

json::Object::Ptr topicJson(const TopicMetadata& topic) {
    json::Object::Ptr object = named(topic.name, topic.paused);
    json::Array::Ptr channels;  // nsqd writes null, not [], where there is nothing
    for (const ChannelMetadata& channel : topic.channels) {
        if (!channels) channels = new json::Array;
        channels->add(named(channel.name, channel.paused));
    }
    object->set("channels", channels ? Poco::Dynamic::Var{channels} : Poco::Dynamic::Var{});
    if (topic.epoch != 0) object->set(kEpochKey, topic.epoch);
    return object;
}

/// All that nsqd writes, and `more` members. Topic by topic: ten thousand are not held as objects at once.
sdk::Result<void> write(const std::filesystem::path& file, const std::vector<TopicMetadata>& topics,
                        const std::string& more) {
    std::ostringstream text;
    text << R"({"topics":)" << (topics.empty() ? "null" : "");
    for (const TopicMetadata& topic : topics) {
        text << (&topic == &topics.front() ? '[' : ',');
        topicJson(topic)->stringify(text);
    }
    text << (topics.empty() ? "" : "]") << R"(,"version":")" << kFormatOf << '"' << more << '}';
    return replaceFile(file, sdk::asBytes(text.str()));
}

}  // namespace

sdk::Result<void> writeMetadata(const std::filesystem::path& file, const std::vector<TopicMetadata>& topics) {
    return write(file, topics, std::string(",\"") + kChecksumKey + "\":\"" + checksumOf(topics) + '"');
}

sdk::Result<void> writeStockMetadata(const std::filesystem::path& file,
                                     const std::vector<TopicMetadata>& topics) {
    return write(file, topics, {});
}

sdk::Result<Metadata> readMetadata(const std::filesystem::path& file, std::string& warning) {
    std::error_code failure;
    if (!std::filesystem::exists(file, failure) && !failure) return Metadata{};
    const sdk::Result<std::vector<std::byte>> content = readFile(file);
    if (!content) return content.error();
    try {
        return parse(sdk::asText(content.value()));
    } catch (const std::exception&) {
        const std::string aside = file.string() + ".bad";
        warning =
            file.string() + ": not the metadata nsqd writes: it is no JSON of that form; kept as " + aside;
        if (auto kept = replaceFile(aside, content.value()); !kept) return kept.error();
        return Metadata{};
    }
}

}  // namespace nsq::storage
