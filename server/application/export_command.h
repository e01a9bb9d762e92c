#pragma once

#include "options/options.h"

namespace nsq::app {

/// --export-diskqueue: holds the data directory like a server, writes a stock nsqd's, and prints one line.
/// Returns the exit code. Throws StartError.
int exportDiskqueue(options::Options options);

}  // namespace nsq::app
