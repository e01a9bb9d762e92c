#pragma once

#include <chrono>
#include <cstddef>

#include "nsq/sdk/host.h"
#include "nsq/sdk/http.h"
#include "registration_db.h"

/// The answers of nsqlookupd's HTTP API. THREAD: a worker.
namespace nsq::lookupd {

/// Of what answers are made.
struct Lookupd {
    const sdk::ServerInfo& info;
    RegistrationDb& db;
    std::chrono::nanoseconds inactiveProducerTimeout;  ///< a producer silent for longer is left out
    std::chrono::nanoseconds tombstoneLifetime;        ///< a producer tombstoned not longer ago as well

    /// The largest answer to /debug (chosen): a registration takes about 250 bytes.
    std::size_t mostDebugBytes = 256 * 1024 * 1024;
};

/// GET /ping
sdk::HttpResponse ping(Lookupd& lookupd, const sdk::HttpRequest& request);

/// GET /info
sdk::HttpResponse info(Lookupd& lookupd, const sdk::HttpRequest& request);

/// GET /topics: all, sorted
sdk::HttpResponse topics(Lookupd& lookupd, const sdk::HttpRequest& request);

/// GET /channels?topic=T: all, sorted; none of an unknown topic
sdk::HttpResponse channels(Lookupd& lookupd, const sdk::HttpRequest& request);

/// GET /lookup?topic=T
sdk::HttpResponse lookup(Lookupd& lookupd, const sdk::HttpRequest& request);

/// GET /nodes
sdk::HttpResponse nodes(Lookupd& lookupd, const sdk::HttpRequest& request);

/// GET /debug: every registration. 503 TOO_MANY_REGISTRATIONS when the answer would be larger than
/// mostDebugBytes.
sdk::HttpResponse debug(Lookupd& lookupd, const sdk::HttpRequest& request);

/// POST /topic/create?topic=T
sdk::HttpResponse createTopic(Lookupd& lookupd, const sdk::HttpRequest& request);

/// POST /topic/delete?topic=T
sdk::HttpResponse deleteTopic(Lookupd& lookupd, const sdk::HttpRequest& request);

/// POST /topic/tombstone?topic=T&node=ADDRESS:HTTP_PORT
sdk::HttpResponse tombstoneTopic(Lookupd& lookupd, const sdk::HttpRequest& request);

/// POST /channel/create?topic=T&channel=C
sdk::HttpResponse createChannel(Lookupd& lookupd, const sdk::HttpRequest& request);

/// POST /channel/delete?topic=T&channel=C
sdk::HttpResponse deleteChannel(Lookupd& lookupd, const sdk::HttpRequest& request);

}  // namespace nsq::lookupd
