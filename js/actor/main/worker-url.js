/** Where the actors' side lies. Bundles put another module in place of this one (scripts/bundle-main.mjs). */
export const actorWorkerUrl = () => new URL('../worker/actor.js', import.meta.url);
