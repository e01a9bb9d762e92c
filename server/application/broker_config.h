#pragma once

#include "broker/broker.h"
#include "options/options.h"
#include "storage/data_directory.h"

namespace nsq::app {

/// What the options say of a broker.
broker::BrokerConfig brokerConfig(const options::Options& options, const storage::DataDirectory& data);

}  // namespace nsq::app
