// The table of files, and the headers that keep the page to itself.
#include "cluster/gateway/page.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

namespace conduit::cluster {

namespace {

struct PageFile {
  std::string_view path;
  std::string_view content_type;
  std::string_view text;
  std::string_view etag;  // quoted, as the header has it
};

constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kCss = "text/css; charset=utf-8";
constexpr std::string_view kScript = "text/javascript; charset=utf-8";

constexpr PageFile kFiles[] = {
    {
        "/",
        kHtml,
#include "cluster/page/index.html.inc"
    },
    {
        "/page/page.css",
        kCss,
#include "cluster/page/page.css.inc"
    },
    {
        "/page/icon.svg",
        "image/svg+xml",
#include "cluster/page/icon.svg.inc"
    },
    {
        "/page/page.js",
        kScript,
#include "cluster/page/page.js.inc"
    },
    {
        "/page/api.js",
        kScript,
#include "cluster/page/api.js.inc"
    },
    {
        "/page/charts.js",
        kScript,
#include "cluster/page/charts.js.inc"
    },
    {
        "/page/chat.js",
        kScript,
#include "cluster/page/chat.js.inc"
    },
    {
        "/page/cluster.js",
        kScript,
#include "cluster/page/cluster.js.inc"
    },
    {
        "/page/dom.js",
        kScript,
#include "cluster/page/dom.js.inc"
    },
};

// Nothing inline, nothing from elsewhere, no frame around it: text of a model that was shown as
// HTML by mistake still could not run.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace

void answer_page(const provisioning::HttpRequest& request, HttpAnswer& answer) {
  const PageFile* file =
      std::find_if(std::begin(kFiles), std::end(kFiles),
                   [&](const PageFile& candidate) { return candidate.path == request.path; });
  if (file == std::end(kFiles))
    return answer.error({404, "there is nothing at " + request.path, "", "unknown_url"});
  const provisioning::HttpHeaders headers = {{"ETag", std::string(file->etag)},
                                             {"Cache-Control", "no-cache"},
                                             {"Content-Security-Policy", kPolicy},
                                             {"X-Content-Type-Options", "nosniff"},
                                             {"Referrer-Policy", "no-referrer"}};
  const bool is_same = request.header("If-None-Match").find(file->etag) != std::string_view::npos;
  answer.text(is_same ? 304 : 200, is_same ? "" : std::string(file->text),
              std::string(file->content_type), headers);
}

}  // namespace conduit::cluster
