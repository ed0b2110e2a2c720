"use strict";
// One player at a time; another one of the same sentence goes on where the last one stood, to compare by ear.
for (const sentence of document.querySelectorAll(".sentence")) {
  for (const player of sentence.querySelectorAll("audio")) {
    player.addEventListener("play", () => {
      for (const other of document.querySelectorAll("audio")) {
        if (other === player || other.paused) continue;
        if (sentence.contains(other)) player.currentTime = other.currentTime;
        other.pause();
      }
    });
  }
}
