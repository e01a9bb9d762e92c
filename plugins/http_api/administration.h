#pragma once

#include "nsq/sdk/host.h"
#include "nsq/sdk/http.h"

/// POST /topic/... and /channel/...: each change is persistent before it is answered. THREAD: a worker.
namespace nsq::http_api {

sdk::HttpResponse createTopic(sdk::Host& host, const sdk::HttpRequest& request);
sdk::HttpResponse deleteTopic(sdk::Host& host, const sdk::HttpRequest& request);
sdk::HttpResponse emptyTopic(sdk::Host& host, const sdk::HttpRequest& request);
sdk::HttpResponse pauseTopic(sdk::Host& host, const sdk::HttpRequest& request);
sdk::HttpResponse unpauseTopic(sdk::Host& host, const sdk::HttpRequest& request);

sdk::HttpResponse createChannel(sdk::Host& host, const sdk::HttpRequest& request);
sdk::HttpResponse deleteChannel(sdk::Host& host, const sdk::HttpRequest& request);
sdk::HttpResponse emptyChannel(sdk::Host& host, const sdk::HttpRequest& request);
sdk::HttpResponse pauseChannel(sdk::Host& host, const sdk::HttpRequest& request);
sdk::HttpResponse unpauseChannel(sdk::Host& host, const sdk::HttpRequest& request);

}  // namespace nsq::http_api
