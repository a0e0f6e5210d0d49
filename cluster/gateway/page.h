// The web page: a chat playground and the node's live state, as plain files inside the program.
// The idea: cluster/page/* are compiled in (cmake/embed.cmake), so a node needs no folder beside it
// and can serve no other file. A browser asks for each again and gets 304 while it is the same; the
// page may load from, and talk to, this node alone.
// Not here: what the page shows, which it asks of /status, /metrics and /v1 like any client.
#pragma once

#include "cluster/gateway/http_answer.h"
#include "provisioning/http_server.h"

namespace conduit::cluster {

// `/` and all below `/page/`; 404 for a file that the page does not have.
void answer_page(const provisioning::HttpRequest& request, HttpAnswer& answer);

}  // namespace conduit::cluster
