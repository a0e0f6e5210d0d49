// libcurl's easy interface, its callbacks turned into a Result.
#include "provisioning/http_client.h"

#include <curl/curl.h>

#include "mdl/base/check.h"

namespace conduit::provisioning {

namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// Everything of one request that libcurl's callbacks see.
struct Transfer {
  CURL* curl;
  const HttpCall& call;
  const HttpSink& sink;
  HttpReply reply = {};
  Status outcome = ok();  // what a callback ended the request for
  bool is_head_seen = false;

  bool is_cancelled() const { return call.cancelled != nullptr && call.cancelled->load(); }

  Status take(std::string_view piece) {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (!std::exchange(is_head_seen, true) && call.on_head)
      CONDUIT_TRY_STATUS(call.on_head(static_cast<int>(status), reply.headers));
    if (sink && status >= 200 && status < 300) return sink(piece);
    if (reply.body.size() + piece.size() > call.max_body_bytes)
      return Error{Code::exhausted, call.url + ": an answer over the limit of " +
                                        std::to_string(call.max_body_bytes) + " bytes"};
    reply.body += piece;
    return ok();
  }
};

std::size_t on_body(char* data, std::size_t, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  transfer.outcome = transfer.take({data, size});
  return transfer.outcome ? size : CURL_WRITEFUNC_ERROR;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* context) {
  HttpHeaders& headers = static_cast<Transfer*>(context)->reply.headers;
  const std::string_view line(data, size);
  const std::size_t colon = line.find(':');
  if (line.starts_with("HTTP/")) {
    headers.clear();  // a "100 Continue" and its headers came before
  } else if (colon != line.npos) {
    headers.emplace_back(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
  return size;
}

int on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const Transfer*>(context)->is_cancelled() ? 1 : 0;
}

struct HeaderList {
  curl_slist* first = nullptr;
  explicit HeaderList(const HttpHeaders& headers) {
    for (const auto& [name, value] : headers)
      first = curl_slist_append(first, (name + ": " + value).c_str());
    first = curl_slist_append(first, "Expect:");  // no round trip to ask whether a body may come
  }
  ~HeaderList() { curl_slist_free_all(first); }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
};

// A proxy from the environment is for other machines.
bool is_loopback(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  char* host = nullptr;
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) != CURLUE_OK)
    return false;
  const std::string_view name = host;
  const bool is_local = name == "localhost" || name == "[::1]" || name.starts_with("127.");
  curl_free(host);
  return is_local;
}

void set_options(CURL* curl, Transfer& transfer, const HeaderList& headers, char* error) {
  const HttpCall& call = transfer.call;
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);  // signals are the program's
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  curl_easy_setopt(curl, CURLOPT_NOBODY, call.method == "HEAD" ? 1L : 0L);
  if (is_loopback(call.url)) curl_easy_setopt(curl, CURLOPT_PROXY, "");
  if (!call.body.empty()) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.first);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(call.connect_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(call.silence_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

Error curl_error(CURLcode code, const HttpCall& call, const char* detail) {
  const std::string reason = *detail != '\0' ? detail : curl_easy_strerror(code);
  const bool is_url = code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
  return Error{is_url ? Code::invalid_argument : Code::unavailable, call.url + ": " + reason};
}

}  // namespace

std::string_view find_header(const HttpHeaders& headers, std::string_view name) {
  const std::string wanted(name);
  for (const auto& [key, value] : headers)
    if (curl_strequal(key.c_str(), wanted.c_str()) != 0) return value;
  return {};
}

HttpClient::HttpClient() : handle_(nullptr, curl_easy_cleanup) {
  // Not safe to do twice at once, so before any handle is made.
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  CONDUIT_CHECK(ready == CURLE_OK, "libcurl could not be initialised");
  handle_.reset(curl_easy_init());
  CONDUIT_CHECK(handle_ != nullptr, "libcurl has no memory for a handle");
}

Result<HttpReply> HttpClient::send(const HttpCall& call, const HttpSink& sink) {
  CURL* curl = handle_.get();
  curl_easy_reset(curl);  // options go, connections stay
  Transfer transfer{.curl = curl, .call = call, .sink = sink};
  const HeaderList headers(call.headers);
  char detail[CURL_ERROR_SIZE] = "";
  set_options(curl, transfer, headers, detail);
  const CURLcode code = curl_easy_perform(curl);
  if (!transfer.outcome) return transfer.outcome.error();
  if (transfer.is_cancelled()) return Error{Code::cancelled, call.url + ": cancelled"};
  if (code != CURLE_OK) return curl_error(code, call, detail);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  transfer.reply.status = static_cast<int>(status);
  return std::move(transfer.reply);
}

}  // namespace conduit::provisioning
