#pragma once

#include "nsq/sdk/host.h"
#include "nsq/sdk/http.h"

/// THREAD: a worker.
namespace nsq::http_api {

/// GET /config/:opt
sdk::HttpResponse getOption(sdk::Host& host, const sdk::HttpRequest& request);

/// PUT /config/:opt: answers the new value.
sdk::HttpResponse putOption(sdk::Host& host, const sdk::HttpRequest& request);

}  // namespace nsq::http_api
