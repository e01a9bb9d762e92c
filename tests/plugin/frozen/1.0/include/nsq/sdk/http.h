#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nsq/sdk/bytes.h"

namespace nsq::sdk {

/// A whole request: nothing of it is still to come.
struct HttpRequest {
    std::string method;                                        ///< upper case
    std::string path;                                          ///< percent-decoded, without the query
    std::vector<std::pair<std::string, std::string>> query;    ///< percent-decoded, in order
    std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case, in order
    std::string body;
    std::string remoteAddress;  ///< see Connection::remoteAddress
    std::string pathParameter;  ///< what stood for the `:name` segment of the route, percent-decoded
    bool badQuery = false;      ///< the query cannot be decoded (a bad escape, a `;`); `query` is empty then

    /// The first query parameter of that name, or null.
    const std::string* queryValue(std::string_view name) const;

    /// The first header of that name (lower case), or null.
    const std::string* header(std::string_view name) const;
};

struct HttpResponse {
    int status = 200;
    std::string contentType = "text/plain; charset=utf-8";
    std::string body;
    std::vector<std::pair<std::string, std::string>>
        headers;  ///< beside Content-Type, -Length and Connection
};

/// Answers one request. An exception out of it becomes a 500 and a log line.
/// THREAD: a worker of the HTTP pool, several at once. It may block, for a bounded time.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

/// A method and a path a plugin answers.
struct HttpRoute {
    /// "GET", "POST", "PUT" or "DELETE"; GET answers HEAD too, without the body. GET changes nothing: the
    /// server answers it without the token of --http-auth-token, and on --http-readonly-address.
    std::string method;
    std::string path;  ///< such as "/stats"; the last segment may be a parameter: "/config/:opt"
    HttpHandler handler;

    /// The handler never waits, for a disk or a lock held for long, and takes no longer than a publish: it
    /// runs on the connection's event loop, which is several times faster than a worker, and holds up others
    /// there.
    bool isQuick = false;

    /// The largest body accepted, in bytes; 0 for none. A larger one is answered with `tooLarge` before it is
    /// read. The server answers 503 when the bodies of all requests together take too much memory.
    std::size_t maxBody = 0;
    HttpResponse tooLarge{413, "text/plain; charset=utf-8", "request body too large\n", {}};
};

/// What an HTTP plugin may decide for requests no route answers. The first plugin that sets it wins.
struct HttpFallback {
    HttpResponse notFound;
    HttpResponse methodNotAllowed;
    HttpResponse internalError;
};

}  // namespace nsq::sdk
