// The map of places: draws the land, the places and routes of the list, and fills in the forms beside it.
// Everything it shows stands in the page or comes from this host; without it the list and forms do the same work.

const element = document.querySelector(".map");
// Nearer than this no border is in sight, and nobody knows where they are; a phone shows less.
const NEAREST = element && element.clientWidth < 500 ? 8 : 9;
if (element && window.L) start();

async function start() {
  const words = JSON.parse(element.dataset.words);
  const map = makeMap(words);
  const [land, features] = await Promise.all([load(element.dataset.outlines), load(element.dataset.features)]);
  if (!land || !features) {
    element.append(Object.assign(document.createElement("p"), { className: "map-off", textContent: words.failed }));
    return;
  }
  drawLand(map, land);
  const drawn = drawFeatures(map, features, words);
  const mode = element.dataset.mode;
  if (mode === "draw") connectPlaceForm(map, words, drawn);
  else if (mode === "route") connectRouteForm(map, drawn);
  else connectList(map, drawn);
  await nameTowns(map);
  element.dataset.ready = "1";
}

function makeMap(words) {
  const moves = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  const animation = { fadeAnimation: moves, zoomAnimation: moves, markerZoomAnimation: moves };
  const view = { zoomControl: false, scrollWheelZoom: false, minZoom: 2, maxZoom: 15, zoomSnap: 0.5 };
  const map = L.map(element, { ...view, ...animation });
  map.setView([30, 32], 2);
  map.attributionControl.setPrefix(false).addAttribution(element.dataset.credit);
  L.control.zoom({ zoomInTitle: words.zoomIn, zoomOutTitle: words.zoomOut }).addTo(map);
  // The wheel scrolls the page until somebody works with the map.
  map.on("focus click", () => map.scrollWheelZoom.enable());
  map.on("blur mouseout", () => map.scrollWheelZoom.disable());
  map.on("popupopen", ({ popup: shown }) => {
    shown.getElement().querySelector(".leaflet-popup-close-button")?.setAttribute("aria-label", words.close);
  });
  // Names appear when there is room for them.
  map.on("zoomend", () => {
    element.classList.toggle("is-midway", map.getZoom() >= 4.5);
    element.classList.toggle("is-near", map.getZoom() >= 8.5);
  });
  for (const [name, order] of [["land", 210], ["towns", 300], ["corridors", 320], ["labels", 610]]) {
    map.createPane(name).style.zIndex = order;
  }
  for (const name of ["towns", "labels"]) map.getPane(name).style.pointerEvents = "none";
  return map;
}

async function load(url) {
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

function drawLand(map, land) {
  const byKind = (kind) => ({ type: "FeatureCollection", features: land.features.filter((one) => one.properties.kind === kind) });
  const classes = (feature) => {
    const { kind, asked, outdated } = feature.properties;
    return `map-${kind}${asked ? " is-asked" : ""}${outdated ? " is-outdated" : ""}`;
  };
  for (const kind of ["land", "region"]) {
    L.geoJSON(byKind(kind), {
      pane: "land",
      interactive: kind === "region",
      style: (feature) => ({ className: classes(feature), pane: "land", interactive: kind === "region", smoothFactor: 0.8 }),
      onEachFeature: (feature, layer) => {
        if (kind === "region") layer.bindTooltip(text(feature.properties.name), { sticky: true, className: "map-name" });
      },
    }).addTo(map);
  }
  for (const { geometry, properties } of byKind("label").features) label(map, flip(geometry.coordinates), properties.name, "map-country");
}

// The page asks for the countries that have places; a region found elsewhere brings its country along.
async function drawCountry(map, country) {
  const url = new URL(element.dataset.outlines, location.href);
  if (!country || url.searchParams.get("countries").split(",").includes(country)) return;
  url.searchParams.set("countries", country);
  const found = await load(url);
  if (found) drawLand(map, { features: found.features.filter((one) => one.properties.kind !== "land") });
}

// As many towns are named as have room, the largest first; smaller ones as the map comes nearer.
async function nameTowns(map) {
  const towns = L.layerGroup().addTo(map);
  let asked = "";
  const draw = async () => {
    const frame = map.getZoom() < 5 ? "" : map.getBounds().toBBoxString();
    if (frame === asked) return;
    asked = frame;
    const found = frame ? await load(`${element.dataset.towns}&frame=${frame}`) : [];
    if (frame !== asked || !found) return;
    towns.clearLayers();
    const taken = [];
    for (const [name, longitude, latitude] of found) {
      const { x, y } = map.latLngToContainerPoint([latitude, longitude]);
      if (taken.some((one) => Math.abs(one.x - x) < 80 && Math.abs(one.y - y) < 24)) continue;
      taken.push({ x, y });
      label(towns, [latitude, longitude], name, "map-town");
    }
  };
  map.on("moveend", draw);
  await draw();
}

function drawFeatures(map, collection, words) {
  const drawn = new Map();
  const add = (key, layer) => {
    if (!drawn.has(key)) drawn.set(key, L.featureGroup().addTo(map));
    drawn.get(key).addLayer(layer);
  };
  const interactive = !element.dataset.mode;
  for (const { geometry, properties } of collection.features) {
    const { kind, id, name, radius } = properties;
    const isRoute = ["corridor", "leg", "flight"].includes(kind);
    const key = `${isRoute ? "route" : "place"}-${id}`;
    const look = { className: `map-${kind}`, interactive, pane: kind === "corridor" ? "corridors" : "overlayPane" };
    const layers = geometry.type === "Point"
      ? [L.circle(flip(geometry.coordinates), { ...look, radius })]
      : L.geoJSON(geometry, { style: look, ...look }).getLayers();
    if (!isRoute) {
      const dot = L.circleMarker(layers[0].getBounds ? centreOf(layers[0], geometry) : flip(geometry.coordinates), {
        ...look, className: `map-dot map-${kind}`, radius: kind === "hotspot" ? 6 : 4,
      });
      dot.bindTooltip(text(name), { permanent: true, direction: "right", offset: [6, 0], className: `map-name is-${kind}` });
      layers.push(dot);
    }
    for (const layer of layers) {
      const list = isRoute ? "routes" : `${kind}s`;
      if (interactive) layer.bindPopup(() => popup(key, name, words, `${list}_from=${id}`));
      add(key, layer);
    }
  }
  return drawn;
}

function centreOf(layer, geometry) {
  return geometry.type === "Point" ? layer.getLatLng() : layer.getBounds().getCenter();
}

// What stands on another page of the list is opened there.
function popup(key, name, words, elsewhere) {
  const content = document.createElement("div");
  const isListed = document.getElementById(key) || !element.dataset.list;
  const link = isListed ? document.querySelector(`#${key} a`) : { href: `${element.dataset.list}?${elsewhere}#${key}` };
  content.append(Object.assign(document.createElement("strong"), { textContent: name, dir: "auto" }));
  if (link) content.append(Object.assign(document.createElement("a"), { href: link.href, textContent: words.open, dir: "auto" }));
  return content;
}

// --- The list -------------------------------------------------------------------------------------------

function connectList(map, drawn) {
  // The page of one place is about that one.
  const own = drawn.get(`place-${element.dataset.own}`);
  if (own) eachPath(own, (path) => path.classList.add("is-chosen"));
  const whole = (own ?? L.featureGroup([...drawn.values()])).getBounds();
  if (whole.isValid()) map.fitBounds(whole, { padding: [16, 16], maxZoom: NEAREST });
  const numbers = L.layerGroup().addTo(map);
  for (const item of document.querySelectorAll(".map-item")) {
    const button = item.querySelector(".map-show");
    button.hidden = !drawn.has(item.id);
    button.addEventListener("click", () => show(map, drawn, numbers, item.id));
  }
  // What was just saved is named by the link behind what was done, which stands above the map and is to be seen.
  const said = document.querySelector("#content > .notice:first-child a[href*='#']");
  const key = (said?.hash || location.hash).slice(1);
  // It may stand on another page of the list.
  const named = document.getElementById(key);
  named?.closest("details")?.setAttribute("open", "");
  if (!said) named?.scrollIntoView({ block: "center" });
  show(map, drawn, numbers, key);
  said?.parentElement.scrollIntoView({ block: "start" });
  connectFilter();
}

function show(map, drawn, numbers, key) {
  if (!drawn.has(key)) return;
  for (const group of drawn.values()) eachPath(group, (path) => path.classList.remove("is-chosen"));
  numbers.clearLayers();
  const group = drawn.get(key);
  eachPath(group, (path) => path.classList.add("is-chosen"));
  map.fitBounds(group.getBounds(), { padding: [24, 24], maxZoom: NEAREST });
  if (key.startsWith("route-")) stopsOf(group).forEach((at, index) => numberAt(numbers, at, index + 1));
  else group.getLayers().at(-1).openPopup();
  element.scrollIntoView({ block: "nearest" });
}

function stopsOf(group) {
  const lines = group.getLayers().filter((layer) => layer instanceof L.Polyline && !(layer instanceof L.Polygon));
  return lines.length ? [lines[0].getLatLngs()[0], ...lines.map((line) => line.getLatLngs().at(-1))] : [];
}

function eachPath(group, act) {
  group.eachLayer((layer) => layer.getElement && layer.getElement() && act(layer.getElement()));
}

function connectFilter() {
  const box = document.querySelector(".map-filter");
  if (!box) return;
  box.hidden = false;
  const input = box.querySelector("input");
  const count = box.querySelector("[role=status]");
  const items = [...document.querySelectorAll(".map-item")].map((item) => [item, fold(item.dataset.names)]);
  const groups = [...document.querySelectorAll(".places-list .group")].map((group) => [group, group.open]);
  input.addEventListener("input", () => {
    const wanted = fold(input.value);
    let found = 0;
    for (const [item, names] of items) {
      item.hidden = !names.includes(wanted);
      found += item.hidden ? 0 : 1;
    }
    for (const [group, wasOpen] of groups) {
      group.hidden = !group.querySelector(".map-item:not([hidden])");
      group.open = wanted ? !group.hidden : wasOpen;
    }
    count.textContent = found ? "" : count.dataset.none;
  });
}

function fold(value) {
  return value.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replaceAll("ł", "l").trim();
}

// --- The form of a place --------------------------------------------------------------------------------

function connectPlaceForm(map, words, drawn) {
  const form = document.getElementById("place-form");
  // What is being edited is drawn from the form, not from what is stored.
  const stored = `place-${element.dataset.own}`;
  drawn.get(stored)?.remove();
  drawn.delete(stored);
  const look = { className: "map-own", pmIgnore: false };
  const shape = ["latitude", "longitude", "radius_km", "outline", "shape"];
  let own = null;

  const adopt = (layer) => {
    own?.remove();
    own = layer;
    own?.addTo(map).on("pm:edit pm:dragend pm:change", () => write(form, own));
  };
  const redraw = () => adopt(read(form, look));
  const follow = () => own && map.fitBounds(own.getBounds(), { padding: [60, 60], maxZoom: NEAREST });

  prepareDrawing(map, words, look);
  map.on("pm:create", ({ layer }) => {
    adopt(layer);
    write(form, layer);
  });
  form.addEventListener("input", (event) => {
    if (shape.includes(event.target.name)) redraw();
  });
  // The map goes where the numbers say, once they are typed.
  form.addEventListener("change", (event) => shape.includes(event.target.name) && follow());
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.found");
    if (!link) return;
    event.preventDefault();
    const at = [Number(link.dataset.latitude), Number(link.dataset.longitude)];
    form.elements.latitude.value = at[0];
    form.elements.longitude.value = at[1];
    form.querySelector('[name="shape"][value="circle"]').checked = true;
    redraw();
    map.setView(at, NEAREST);
    drawCountry(map, link.dataset.country);
  });
  redraw();
  const all = L.featureGroup([...drawn.values()]).getBounds();
  if (own) follow();
  else if (all.isValid()) map.fitBounds(all, { padding: [16, 16], maxZoom: 9 });
}

function prepareDrawing(map, words, look) {
  L.PM.setOptIn(true);
  map.pm.setLang("own", {
    tooltips: {
      startCircle: words.startCircle, finishCircle: words.finishCircle, firstVertex: words.firstCorner,
      continueLine: words.nextCorner, finishPoly: words.lastCorner,
    },
    actions: { finish: words.finish, cancel: words.cancel, removeLastVertex: words.undo },
    buttonTitles: { drawCircleButton: words.drawCircle, drawPolyButton: words.drawPolygon, editButton: words.edit, dragButton: words.drag },
  }, "en");
  map.pm.setGlobalOptions({ pathOptions: look, allowSelfIntersection: false, continueDrawing: false });
  map.pm.addControls({
    position: "topleft", drawMarker: false, drawCircleMarker: false, drawPolyline: false, drawRectangle: false,
    drawText: false, cutPolygon: false, rotateMode: false, removalMode: false,
  });
  // The toolbar names its links by title only, on an element around each.
  for (const link of element.querySelectorAll(".leaflet-pm-toolbar a")) {
    const title = link.title || link.closest("[title]")?.title || link.textContent.trim();
    if (title) link.setAttribute("aria-label", title);
  }
}

function read(form, look) {
  const fields = form.elements;
  if (fields.shape.value === "outline") {
    try {
      const value = JSON.parse(fields.outline.value);
      return L.polygon(L.GeoJSON.coordsToLatLngs(value.coordinates, 1), look);
    } catch {
      return null;
    }
  }
  const [latitude, longitude, radius] = ["latitude", "longitude", "radius_km"].map((name) => number(fields[name].value));
  const isThere = Math.abs(latitude) <= 85 && Math.abs(longitude) <= 180 && radius > 0;
  return isThere ? L.circle([latitude, longitude], { ...look, radius: radius * 1000 }) : null;
}

function write(form, layer) {
  const fields = form.elements;
  const shape = layer instanceof L.Circle ? "circle" : "outline";
  form.querySelector(`[name="shape"][value="${shape}"]`).checked = true;
  if (shape === "circle") {
    const { lat, lng } = layer.getLatLng();
    fields.latitude.value = lat.toFixed(5);
    fields.longitude.value = lng.toFixed(5);
    fields.radius_km.value = Number((layer.getRadius() / 1000).toFixed(3));
  } else {
    fields.outline.value = JSON.stringify(layer.toGeoJSON(5).geometry);
  }
}

function number(value) {
  return value.trim() === "" ? NaN : Number(value.trim().replace(",", "."));
}

// --- The form of a route --------------------------------------------------------------------------------

function connectRouteForm(map, drawn) {
  const own = drawn.get(`route-${element.dataset.own}`);
  for (const [key, group] of drawn) {
    if (key.startsWith("route-") && group !== own) {
      group.remove();
      drawn.delete(key);
    }
  }
  if (own) eachPath(own, (path) => path.classList.add("is-chosen"));
  const line = L.featureGroup().addTo(map);
  const redraw = () => {
    line.clearLayers();
    const stops = [...document.querySelectorAll("#stops li[data-at]")].map((item) => flip(item.dataset.at.split(",").map(Number)));
    L.polyline(stops, { className: "map-line", interactive: false }).addTo(line);
    stops.forEach((at, index) => numberAt(line, at, index + 1));
    return stops;
  };
  const stops = redraw();
  const all = L.featureGroup([...drawn.values()]).getBounds();
  if (stops.length > 1) map.fitBounds(L.latLngBounds(stops), { padding: [32, 32] });
  else if (all.isValid()) map.fitBounds(all, { padding: [16, 16] });
  document.addEventListener("htmx:afterSwap", redraw);
}

// --- Small things ---------------------------------------------------------------------------------------

function numberAt(layer, at, value) {
  label(layer, at, String(value), "map-number");
}

function label(layer, at, value, className) {
  const icon = L.divIcon({ className, html: text(value), iconSize: [0, 0] });
  const pane = { "map-country": "labels", "map-town": "towns" }[className] ?? "markerPane";
  L.marker(at, { icon, interactive: false, keyboard: false, pane }).addTo(layer);
}

function text(value) {
  return Object.assign(document.createElement("span"), { textContent: value, dir: "auto" });
}

function flip([longitude, latitude]) {
  return [latitude, longitude];
}
