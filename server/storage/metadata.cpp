#include "storage/metadata.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <iterator>
#include <sstream>
#include <unordered_map>

#include "nsq/sdk/names.h"
#include "storage/crc32c.h"
#include "storage/file_io.h"

namespace nsq::storage {

namespace json = Poco::JSON;

namespace {

/// The version of nsqd whose format this is; nsqd writes its own there and does not read it.
constexpr const char* kFormatOf = "1.3.0";

constexpr const char* kChecksumKey = "nsqd_cpp_checksum";

json::Object named(const std::string& name, bool paused) {
    json::Object object{Poco::JSON_PRESERVE_KEY_ORDER};
    object.set("name", name);
    object.set("paused", paused);
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

/// nsqd writes null, not [], where there is nothing.
Poco::Dynamic::Var orNull(const json::Array& array) {
    return array.empty() ? Poco::Dynamic::Var{} : Poco::Dynamic::Var{array};
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
                            readChannels(object->getArray("channels"))};
        if (sdk::isValidTopicName(topic.name)) merge(metadata.topics, places, std::move(topic));
    }
    metadata.isOurs = root->optValue<std::string>(kChecksumKey, {}) == checksumOf(metadata.topics);
    return metadata;
}

/// All that nsqd writes.
json::Object documentOf(const std::vector<TopicMetadata>& topics) {
    json::Array list;
    for (const TopicMetadata& topic : topics) {
        json::Array channels;
        for (const ChannelMetadata& channel : topic.channels)
            channels.add(named(channel.name, channel.paused));
        json::Object object = named(topic.name, topic.paused);
        object.set("channels", orNull(channels));
        list.add(object);
    }
    json::Object root{Poco::JSON_PRESERVE_KEY_ORDER};
    root.set("topics", orNull(list));
    root.set("version", kFormatOf);
    return root;
}

sdk::Result<void> write(const std::filesystem::path& file, const json::Object& root) {
    std::ostringstream text;
    root.stringify(text);
    return replaceFile(file, sdk::asBytes(text.str()));
}

}  // namespace

sdk::Result<void> writeMetadata(const std::filesystem::path& file, const std::vector<TopicMetadata>& topics) {
    json::Object root = documentOf(topics);
    root.set(kChecksumKey, checksumOf(topics));
    return write(file, root);
}

sdk::Result<void> writeStockMetadata(const std::filesystem::path& file,
                                     const std::vector<TopicMetadata>& topics) {
    return write(file, documentOf(topics));
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
