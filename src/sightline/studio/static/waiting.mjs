// Until the study is read: look whether it is, then show it; a page that needs no maps as soon as the rest is there.

import { data, watch } from "./dom.mjs";

await watch("/api/state", ({ ready, early }) => ready || (data.early && early));
location.reload();
