// How a broker starts from what an earlier run left, and stops.

#include <algorithm>
#include <unordered_map>

#include "broker/broker.h"
#include "nsq/sdk/names.h"
#include "storage/file_io.h"
#include "storage/topic_directory.h"

namespace nsq::broker {

namespace fs = std::filesystem;

using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

/// True for a topic's directory of which the server died before it wrote the first state: nobody was told of
/// the topic, and where there was one of that name before, it was deleted.
bool isUnborn(const fs::path& directory) {
    const fs::path begun = storage::stateFile(directory).filename().string() + ".tmp";
    std::error_code failure;
    fs::directory_iterator entry{directory, failure};
    for (; !failure && entry != fs::directory_iterator{}; entry.increment(failure)) {
        if (entry->path().filename() != begun) return false;
    }
    return !failure;
}

/// The names of topics that have a directory in `path`. What was being made or deleted is removed.
Result<std::vector<std::string>> topicsIn(const fs::path& path) {
    std::vector<std::string> names;
    std::error_code failure;
    fs::directory_iterator entry{path, failure};
    for (; !failure && entry != fs::directory_iterator{}; entry.increment(failure)) {
        const std::string name = storage::topicOf(entry->path());
        const bool isTopic = sdk::isValidTopicName(name);
        const bool isDeleted = entry->path().filename().string().starts_with(".deleted-");
        if (isTopic && !isUnborn(entry->path())) {
            names.push_back(name);
        } else if (isTopic || isDeleted) {
            std::error_code ignored;
            fs::remove_all(entry->path(), ignored);
        }
    }
    if (failure) return storage::storageError(path, "cannot be read", failure.value());
    std::ranges::sort(names);
    return names;
}

}  // namespace

Result<void> Broker::openLease() {
    const fs::path topicsPath = config_.dataPath / "topics";
    std::error_code failure;
    fs::create_directories(topicsPath, failure);
    if (failure) return storage::storageError(topicsPath, "cannot be created", failure.value());
    std::string warning;
    auto lease = storage::SequenceLease::open(config_.dataPath / "sequence.lease", warning);
    if (!lease) return lease.error();
    if (!warning.empty()) logger_.error("{}", warning);
    lease_ = std::move(lease).value();
    return {};
}

void Broker::makeContext() {
    context_.reset(new TopicContext{
        {scan_, config_.maxMsgTimeout, config_.maxChannelConsumers, config_.nodeId,
         config_.latencyQuantiles.empty() ? std::chrono::nanoseconds{0} : config_.latencyWindow},
        *lease_,
        logger_,
        keeper_,
        syncer_,
        health_,
        config_.dataPath,
        config_.durability,
        config_.maxBytesPerFile,
        static_cast<std::uint64_t>(config_.memQueueSize),
        static_cast<std::uint64_t>(config_.syncEvery),
        config_.syncTimeout,
        config_.latencyQuantiles});
}

Result<void> Broker::start() {
    if (auto opened = openLease(); !opened) return opened;
    makeContext();
    const auto foreign = restoreTopics();
    if (!foreign) return foreign.error();
    if (auto taken = takeOver(foreign.value()); !taken) return taken;
    metadataWriter_ = std::make_unique<MetadataWriter>(
        config_.dataPath / "nsqd.dat", [this] { return metadata(); }, logger_);
    // The file only follows the topics: on a full disk consumers make space first. health() tells.
    metadataWriter_->changed();
    return {};
}

/// The directories of topics tell what there is, nsqd.dat follows them. Only where another server wrote it,
/// it has more to say: that is returned; and where the state of a topic is damaged it knows its channels.
Result<std::vector<storage::TopicMetadata>> Broker::restoreTopics() {
    const auto names = topicsIn(config_.dataPath / "topics");
    if (!names) return names.error();
    std::string warning;
    auto saved = storage::readMetadata(config_.dataPath / "nsqd.dat", warning);
    if (!saved) return saved.error();
    if (!warning.empty()) logger_.error("{}", warning);
    const storage::Metadata& metadata = saved.value();
    std::unordered_map<std::string_view, const storage::TopicMetadata*> known;
    for (const storage::TopicMetadata& topic : metadata.topics) known.emplace(topic.name, &topic);
    for (const std::string& name : names.value()) {
        const auto found = known.find(name);
        auto topic = found == known.end() ? storage::TopicMetadata{} : *found->second;
        if (!metadata.isOurs) topic.epoch = 0;
        if (auto restored = restoreTopic(name, topic); !restored) return restored.error();
    }
    return metadata.isOurs ? std::vector<storage::TopicMetadata>{} : metadata.topics;
}

Result<void> Broker::restoreTopic(const std::string& name, const storage::TopicMetadata& metadata) {
    const Result<std::uint64_t> firstSeq = lease_->begin();
    if (!firstSeq) return firstSeq.error();
    const auto topic = std::make_shared<Topic>(name, *context_, firstSeq.value());
    const auto warnings = topic->restore(metadata);
    if (!warnings) return warnings.error();
    for (const std::string& warning : warnings.value()) logger_.error("TOPIC({}): {}", name, warning);
    lease_->retire(topic->nextSeq());
    topics_.emplace(name, topic);
    return {};
}

/// Out of memory, for one, must not keep the other topics from being saved.
Result<void> Broker::finishTopic(Topic& topic) const {
    try {
        return topic.finish();
    } catch (const std::exception& error) {
        return Error{ErrorCode::kStorage, error.what()};
    }
}

Result<void> Broker::stop() {
    refusePublishes();
    scan_.stop();
    keeper_.stop();
    Result<void> result;
    std::uint64_t end = 0;
    for (const TopicPtr& topic : topics()) {
        end = std::max(end, topic->nextSeq());
        const auto finished = finishTopic(*topic);
        if (!finished) {
            logger_.error("TOPIC({}): not saved: {}", topic->name(), finished.error().text);
            result = finished;
        }
        if (config_.durability == Durability::kPower) syncer_.sync({{topic}, nullptr, nullptr});
    }
    // Under power others wait for it; a process that ends leaves what it has written to the kernel.
    syncer_.stop(config_.durability != Durability::kPower);
    static_cast<void>(metadataWriter_->flush());
    if (auto written = metadataWriter_->stop(); !written) result = written;
    if (auto closed = lease_->close(end); !closed) result = closed;
    return result;
}

}  // namespace nsq::broker
