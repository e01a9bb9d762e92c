#pragma once

#include "nsq/sdk/host.h"
#include "nsq/sdk/http.h"

/// THREAD: a worker.
namespace nsq::http_api {

/// POST /debug/freememory: gives memory that is free, but kept by the allocator, back to the system. Nothing
/// else is kept without use: a topic lets its messages go from memory when it was quiet for a while.
sdk::HttpResponse freeMemory(sdk::Host& host, const sdk::HttpRequest& request);

}  // namespace nsq::http_api
