#pragma once

#include "nsq/sdk/host.h"
#include "nsq/sdk/http.h"

/// THREAD: a worker.
namespace nsq::http_api {

/// GET /ping
sdk::HttpResponse ping(sdk::Host& host, const sdk::HttpRequest& request);

/// GET /info
sdk::HttpResponse info(sdk::Host& host, const sdk::HttpRequest& request);

/// GET /stats[?format=json&topic=T&channel=C&include_clients=B&include_mem=B]
sdk::HttpResponse stats(sdk::Host& host, const sdk::HttpRequest& request);

/// GET /plugins: nsqd has no such thing
sdk::HttpResponse plugins(sdk::Host& host, const sdk::HttpRequest& request);

}  // namespace nsq::http_api
