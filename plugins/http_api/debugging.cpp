#include "debugging.h"

#include <malloc.h>

#include "replies.h"

namespace nsq::http_api {

sdk::HttpResponse freeMemory(sdk::Host&, const sdk::HttpRequest&) {
    constexpr std::size_t kKeepNothing = 0;
    malloc_trim(kKeepNothing);
    return emptyReply({});
}

}  // namespace nsq::http_api
