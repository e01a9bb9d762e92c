#pragma once

#include "nsq/sdk/http.h"
#include "nsq/sdk/output.h"

namespace nsq::http {

/// How a response goes out, as its request asked for.
struct ResponseForm {
    int version = 11;          ///< 10 or 11: HTTP/1.0 or 1.1
    bool keepAlive = true;     ///< the connection stays open behind it
    bool withoutBody = false;  ///< HEAD: the head of the answer GET would get
};

/// Appends a whole response. A large body is not copied. THREAD: the output's loop.
void writeResponse(sdk::Output& output, sdk::HttpResponse response, const ResponseForm& form);

/// Appends `100 Continue`: the client may send its body. THREAD: the output's loop.
void writeContinue(sdk::Output& output);

/// A response of the server's own, in plain text: the reason phrase of `status`. THREAD: any.
sdk::HttpResponse plainResponse(int status);

}  // namespace nsq::http
