#pragma once

#include "nsq/sdk/host.h"
#include "nsq/sdk/http.h"

/// THREAD: a worker; they wait until the messages are committed.
namespace nsq::http_api {

/// POST /pub?topic=T[&defer=MS]
sdk::HttpResponse publish(sdk::Host& host, const sdk::HttpRequest& request);

/// POST /mpub?topic=T[&binary=B]
sdk::HttpResponse publishMany(sdk::Host& host, const sdk::HttpRequest& request);

}  // namespace nsq::http_api
