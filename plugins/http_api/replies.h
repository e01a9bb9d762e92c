#pragma once

#include <string>
#include <string_view>

#include "nsq/sdk/http.h"
#include "nsq/sdk/result.h"

/// The shapes of nsqd's HTTP answers. THREAD: any.
namespace nsq::http_api {

/// 200 with a text; without a content type when the text is empty.
sdk::HttpResponse textReply(std::string text);

/// 200 with JSON that is made already.
sdk::HttpResponse jsonReply(std::string json);

/// `{"message":"CODE"}`
sdk::HttpResponse errorReply(int status, std::string_view code);

/// What a refusal of the broker is to an HTTP client.
sdk::HttpResponse errorReply(const sdk::Error& error);

/// 200 and nothing, or the error.
sdk::HttpResponse emptyReply(const sdk::Result<void>& result);

}  // namespace nsq::http_api
