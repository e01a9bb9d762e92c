// The hot paths alone, without sockets: what one command, one message or one batch of them costs.

#include <benchmark/benchmark.h>
#include <spdlog/sinks/null_sink.h>

#include "bench/publish_command.h"
#include "broker/broker.h"
#include "nsq/sdk/message.h"
#include "protocol/v2/command_line.h"
#include "protocol/v2/mpub_reader.h"
#include "unit/broker/test_loop.h"
#include "unit/storage/temporary_directory.h"

namespace nsq::bench {
namespace {

constexpr std::size_t kBodyBytes = 200;
constexpr std::int64_t kBatch = 200;   ///< messages of an MPUB
constexpr std::int64_t kReady = 2500;  ///< a consumer's RDY
constexpr int kBatchesAReady = kReady / kBatch + 1;

void parseFin(benchmark::State& state) {
    const std::string line = "FIN 0cf1e2d3c4b5a697";
    for (auto _ : state) {
        const v2::CommandLine command = v2::splitLine(line);
        benchmark::DoNotOptimize(v2::parseId(command.parameter(0)));
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(parseFin);

void parseMpub(benchmark::State& state) {
    Settings settings;
    settings.batch = kBatch;
    settings.size = kBodyBytes;
    const std::string command = publishCommand(settings, kBatch);
    const sdk::Bytes data = sdk::asBytes(std::string_view{command}.substr(command.find('\n') + 1));
    v2::MpubReader reader{1 << 20, 5 << 20};
    std::vector<sdk::Bytes> bodies;
    for (auto _ : state) {
        reader.reset();
        if (reader.read(data) != v2::MpubReader::State::kComplete) state.SkipWithError("not an MPUB");
        bodies.clear();
        reader.bodies(data, bodies);
        benchmark::DoNotOptimize(bodies.data());
    }
    state.SetItemsProcessed(state.iterations() * kBatch);
}
BENCHMARK(parseMpub);

/// A broker with one topic and one channel.
class OneChannel final : private sdk::SubscriptionListener {
public:
    /// It notes latencies if there are any quantiles to tell.
    explicit OneChannel(std::vector<double> latencyQuantiles = {}) {
        config_.dataPath = directory_.path();
        config_.latencyQuantiles = std::move(latencyQuantiles);
        broker_ = std::make_unique<broker::Broker>(config_, logger_);
        isWell_ = broker_->start().ok();
        auto subscribed = broker_->subscribe("t", "c", {std::chrono::minutes{10}}, loop_, *this);
        if (subscribed) subscription_ = std::move(subscribed).value();
        isWell_ = isWell_ && subscription_ != nullptr;
    }
    ~OneChannel() { subscription_.reset(); }

    bool isWell() const { return isWell_; }
    sdk::Subscription& subscription() { return *subscription_; }

    void publish() { isWell_ = broker_->publish({"t", bodies_}).ok() && isWell_; }

    /// Takes all there is, up to kReady messages.
    std::vector<sdk::MessageRun> take() {
        std::vector<sdk::MessageRun> runs;
        subscription_->setReady(kReady);
        while (subscription_->take(1 << 20, runs) > 0) continue;
        return runs;
    }

    static std::vector<sdk::MessageId> idsOf(const std::vector<sdk::MessageRun>& runs) {
        std::vector<sdk::MessageId> ids;
        for (const sdk::MessageRun& run : runs) {
            for (sdk::Bytes rest = run.frames; !rest.empty();) {
                const sdk::Bytes id = rest.subspan(sdk::frame::kIdOffset, sdk::MessageId::kTextLength);
                ids.push_back(*v2::parseId(sdk::asText(id)));
                rest = rest.subspan(sdk::frame::kSizeBytes +
                                    static_cast<std::size_t>(sdk::loadBig<std::int32_t>(rest.data())));
            }
        }
        return ids;
    }

    void finish(const std::vector<sdk::MessageRun>& runs) {
        const std::vector<sdk::MessageId> ids = idsOf(runs);
        isWell_ = subscription_->finish(ids).empty() && isWell_;
    }

private:
    void onMessagesReady() override {}
    void onSubscriptionClosed() override {}

    const std::string body_ = std::string(kBodyBytes, 'x');
    const std::vector<sdk::Bytes> bodies_ = std::vector<sdk::Bytes>(kBatch, sdk::asBytes(body_));
    test::TemporaryDirectory directory_;
    spdlog::logger logger_{"bench", std::make_shared<spdlog::sinks::null_sink_mt>()};
    broker::BrokerConfig config_;
    std::unique_ptr<broker::Broker> broker_;
    test::TestLoop loop_;
    std::unique_ptr<sdk::Subscription> subscription_;
    bool isWell_ = false;
};

/// One MPUB: into memory and the file.
void append(benchmark::State& state) {
    OneChannel channel;
    int batches = 0;
    for (auto _ : state) {
        channel.publish();
        if (++batches < kBatchesAReady) continue;
        state.PauseTiming();
        channel.finish(channel.take());
        batches = 0;
        state.ResumeTiming();
    }
    if (!channel.isWell()) state.SkipWithError("a publish failed");
    state.SetItemsProcessed(state.iterations() * kBatch);
}
BENCHMARK(append);

/// What a consumer may have: the frames to be sent, and the notes of what is in flight.
void takeAll(benchmark::State& state, std::vector<double> latencyQuantiles) {
    OneChannel channel{std::move(latencyQuantiles)};
    std::int64_t taken = 0;
    for (auto _ : state) {
        state.PauseTiming();
        for (int i = 0; i < kBatchesAReady - 1; ++i) channel.publish();
        state.ResumeTiming();
        const std::vector<sdk::MessageRun> runs = channel.take();
        state.PauseTiming();
        for (const sdk::MessageRun& run : runs) taken += run.count;
        channel.finish(runs);
        state.ResumeTiming();
    }
    if (!channel.isWell()) state.SkipWithError("a publish failed");
    state.SetItemsProcessed(taken);
}
void take(benchmark::State& state) {
    takeAll(state, {});
}
BENCHMARK(take);

void takeWithLatencies(benchmark::State& state) {
    takeAll(state, {0.5, 0.99});
}
BENCHMARK(takeWithLatencies);

/// FIN of all of these, in their order, as one read of a socket brings them.
void finishAll(benchmark::State& state, std::vector<double> latencyQuantiles) {
    OneChannel channel{std::move(latencyQuantiles)};
    std::int64_t finished = 0;
    for (auto _ : state) {
        state.PauseTiming();
        for (int i = 0; i < kBatchesAReady - 1; ++i) channel.publish();
        const std::vector<sdk::MessageId> ids = OneChannel::idsOf(channel.take());
        state.ResumeTiming();
        const auto failures = channel.subscription().finish(ids);
        finished += static_cast<std::int64_t>(ids.size() - failures.size());
    }
    if (!channel.isWell()) state.SkipWithError("a publish failed");
    state.SetItemsProcessed(finished);
}
void finish(benchmark::State& state) {
    finishAll(state, {});
}
BENCHMARK(finish);

void finishWithLatencies(benchmark::State& state) {
    finishAll(state, {0.5, 0.99});
}
BENCHMARK(finishWithLatencies);

}  // namespace
}  // namespace nsq::bench

BENCHMARK_MAIN();
