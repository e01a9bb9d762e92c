#include "broker/stock_import.h"

namespace nsq::broker {

namespace {

/// Committed at once: what is held in memory beside the newest messages (chosen, bytes).
constexpr std::uint64_t kCommitSize = 4 << 20;

/// How often the log is told (chosen).
constexpr std::chrono::seconds kTellEvery{2};

}  // namespace

void StockImport::add(storage::StockQueue queue, storage::StockQueueReader reader,
                      std::shared_ptr<Channel> channel) {
    totalBytes_ += reader.totalBytes();
    sources_.push_back({std::move(queue), std::move(reader), std::move(channel)});
}

sdk::Result<void> StockImport::run() {
    logger_.info("TOPIC({}): taking over {} queues of a stock nsqd, {} bytes", topic_.name(), sources_.size(),
                 totalBytes_);
    told_ = Clock::now();
    if (auto begun = topic_.beginImport(); !begun) return begun;
    std::vector<storage::StockRemoval> removals;
    for (Source& source : sources_) {
        if (auto imported = import(source); !imported) return imported;
        const storage::StockReadReport& report = source.reader.report();
        for (const std::string& warning : report.warnings) logger_.warn("{}", warning);
        removals.push_back({source.queue, report.setAside});
    }
    if (auto ended = topic_.endImport(removals); !ended) return ended;
    tellEnd();
    return {};
}

sdk::Result<void> StockImport::import(Source& source) {
    std::uint64_t committed = 0;
    const storage::StockReadReport& report = source.reader.report();
    for (;;) {
        const auto message = source.reader.next();
        if (!message) return message.error();
        if (!message.value()) return commit(source);
        const auto& [timestampNs, attempts, id, body] = *message.value();
        if (auto imported = topic_.import({timestampNs, attempts, body}); !imported) return imported;
        if (report.bytes - committed < kCommitSize) continue;
        if (auto done = commit(source); !done) return done;
        committed = report.bytes;
    }
}

sdk::Result<void> StockImport::commit(const Source& source) {
    auto committed = topic_.commitImport(source.channel.get());
    if (committed && Clock::now() - told_ >= kTellEvery) tellProgress();
    return committed;
}

storage::StockReadReport StockImport::sum() const {
    storage::StockReadReport sum;
    for (const Source& source : sources_) {
        const storage::StockReadReport& report = source.reader.report();
        sum.messages += report.messages;
        sum.salvaged += report.salvaged;
        sum.bytes += report.bytes;
        sum.lostBytes += report.lostBytes;
    }
    return sum;
}

void StockImport::tellProgress() {
    told_ = Clock::now();
    const storage::StockReadReport so = sum();
    logger_.info("TOPIC({}): taking over: {} messages, {} of {} bytes", topic_.name(), so.messages, so.bytes,
                 totalBytes_);
}

void StockImport::tellEnd() const {
    const storage::StockReadReport all = sum();
    logger_.info("TOPIC({}): took over {} messages, {} of {} bytes", topic_.name(), all.messages, all.bytes,
                 totalBytes_);
    if (all.salvaged > 0)
        logger_.info("TOPIC({}): of them {} behind what stock had noted", topic_.name(), all.salvaged);
}

}  // namespace nsq::broker
