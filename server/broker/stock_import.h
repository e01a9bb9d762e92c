#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <vector>

#include "broker/topic.h"
#include "storage/stock_queue_reader.h"

namespace nsq::broker {

/// Takes stock queues into their topic, and tells the log how far it is. THREAD: main, at the start.
class StockImport {
public:
    StockImport(Topic& topic, spdlog::logger& logger) : topic_(topic), logger_(logger) {}

    /// A queue with something unread: `reader` reads it, `channel` gets it; null: it is the topic's own. In
    /// the order in which they are to be read.
    void add(storage::StockQueue queue, storage::StockQueueReader reader, std::shared_ptr<Channel> channel);

    /// Imports all queues and removes them. kStorage: they are all still there, and to be imported again by
    /// the next start.
    sdk::Result<void> run();

private:
    struct Source {
        storage::StockQueue queue;
        storage::StockQueueReader reader;
        std::shared_ptr<Channel> channel;
    };

    sdk::Result<void> import(Source& source);
    sdk::Result<void> commit(const Source& source);
    storage::StockReadReport sum() const;
    void tellProgress();
    void tellEnd() const;

    Topic& topic_;
    spdlog::logger& logger_;
    std::vector<Source> sources_;
    std::uint64_t totalBytes_ = 0;
    Clock::time_point told_;  ///< when the log was told of progress last
};

}  // namespace nsq::broker
