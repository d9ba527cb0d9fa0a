"use strict";
(() => {
  const parts = ["resume", "alertes", "capteurs", "evenements", "stations-carte"];
  const types = ["fr.jnt.alert.raised.v1", "fr.jnt.alert.cleared.v1", "fr.jnt.observation.corrected.v1",
    "fr.jnt.layer.changed.v1"];
  const words = {"fr.jnt.alert.raised.v1": "début d’alerte", "fr.jnt.alert.cleared.v1": "fin d’alerte",
    "fr.jnt.observation.corrected.v1": "mesure corrigée", "fr.jnt.layer.changed.v1": "couche mise à jour"};
  const status = document.getElementById("suivi");
  const say = (text) => { status.textContent = text; status.hidden = false; };
  let due = 0;

  async function refresh() {
    due = 0;
    const answer = await fetch(location.pathname, {cache: "no-cache"});
    if (!answer.ok) { say("La page n’a pas pu être mise à jour ; rechargez-la."); return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of parts) {
      const old = document.getElementById(id), next = fresh.getElementById(id);
      if (!old || !next || old.outerHTML === next.outerHTML) continue;
      const focused = old.contains(document.activeElement);
      old.replaceWith(document.adoptNode(next));
      if (focused) next.querySelector("h2")?.focus();
    }
  }

  function onEvent(message) {
    const event = JSON.parse(message.data);
    const station = event.data.station, place = station ? station.name || station.id : event.subject.slice(6);
    say("Suivi en direct. Dernier événement : " + words[event.type] +
      (event.data.title ? ", " + event.data.title : "") + " (" + place + ").");
    if (!due) due = setTimeout(refresh, 400);
  }

  const cursor = document.body.dataset.cursor;
  const stream = new EventSource("/v1/events/stream?after=" + encodeURIComponent(cursor));
  stream.onopen = () => { if (status.hidden || status.dataset.lost) say("Suivi en direct : connecté."); delete status.dataset.lost; };
  stream.onerror = () => {
    status.dataset.lost = "1";
    say(stream.readyState === EventSource.CLOSED
      ? "Suivi interrompu : le journal a changé. Rechargez la page."
      : "Suivi interrompu ; nouvelle tentative en cours…");
  };
  for (const type of types) stream.addEventListener(type, onEvent);
})();
