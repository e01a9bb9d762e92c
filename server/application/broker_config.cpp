#include "application/broker_config.h"

namespace nsq::app {

namespace {

broker::Durability durabilityOf(std::string_view option) {
    if (option == "memory") return broker::Durability::kMemory;
    return option == "power" ? broker::Durability::kPower : broker::Durability::kCrash;
}

}  // namespace

broker::BrokerConfig brokerConfig(const options::Options& options, const storage::DataDirectory& data) {
    broker::BrokerConfig config;
    config.dataPath = data.path();
    config.nodeId = static_cast<int>(options.nodeId);
    config.memQueueSize = options.memQueueSize;
    config.maxBytesPerFile = options.maxBytesPerFile;
    config.durability = durabilityOf(options.durability);
    config.syncEvery = options.syncEvery;
    config.syncTimeout = std::chrono::ceil<std::chrono::milliseconds>(options.syncTimeout);
    config.maxMsgTimeout = options::toLimits(options).maxMsgTimeout;
    config.maxMsgSize = options.maxMsgSize;
    config.maxChannelConsumers = static_cast<int>(options.maxChannelConsumers);
    config.latencyQuantiles = options.latencyPercentiles;
    config.latencyWindow = options.latencyWindow;
    return config;
}

}  // namespace nsq::app
