#pragma once

#include "storage/import_journal.h"
#include "storage/stock_queue_writer.h"
#include "storage/topic_directory.h"
#include "unit/broker/fixture.h"
#include "unit/storage/stock_fixture.h"

namespace nsq::test {

using ChannelName = std::optional<std::string>;

/// A broker that has stopped, and its data directory for a stock nsqd to leave something in.
class StockServer : public Server {
public:
    explicit StockServer(broker::BrokerConfig config = {}) : Server(std::move(config)) { stop(); }

    void queue(const std::string& topic, const ChannelName& channel, const Texts& texts,
               std::uint16_t attempts = 0) const {
        auto writer = storage::StockQueueWriter::create(path(), topic, channel, 1 << 20).value();
        std::int64_t timestampNs = 1'000;
        for (const std::string& text : texts) {
            const auto id = std::as_bytes(std::span{kId}).first<storage::stock::kIdLength>();
            REQUIRE(writer.append(++timestampNs, attempts, id, sdk::asBytes(text)));
        }
        REQUIRE(writer.close());
    }
    void metadata(const std::string& json) const { writeFile(path() / "nsqd.dat", sdk::asBytes(json)); }

    bool isTaken() const { return storage::listStockQueues(path()).value().empty(); }
    /// Neither is an import under way, nor one to be finished.
    bool isSettled(const std::string& topic) const {
        const std::filesystem::path directory = storage::topicDirectory(path(), topic);
        return !std::filesystem::exists(storage::importFile(directory)) &&
               !std::filesystem::exists(storage::importedFile(directory));
    }

    /// A start, which must fail.
    std::string startError() {
        broker::Broker broker{config(), logger_};
        const auto started = broker.start();
        REQUIRE_FALSE(started);
        return started.error().text;
    }

    /// An export of what is there.
    sdk::Result<broker::ExportSummary> exportTo(const std::filesystem::path& directory) {
        broker::Broker broker{config(), logger_};
        if (auto opened = broker.openForExport(); !opened) return opened.error();
        return broker.exportTo(directory);
    }

    /// Takes and finishes all that the channel has.
    Texts drain(const std::string& topic, const std::string& channel) {
        TestLoop loop;
        Consumer consumer{*(*this), loop, topic, channel, 1'000'000};
        Texts bodies;
        for (auto messages = consumer.take(); !messages.empty(); messages = consumer.take()) {
            for (const ReadMessage& message : messages) {
                bodies.push_back(message.body);
                REQUIRE(consumer.finish(message));
            }
        }
        return bodies;
    }

private:
    spdlog::logger logger_{"stock"};
};

inline Texts operator+(Texts a, const Texts& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

}  // namespace nsq::test
