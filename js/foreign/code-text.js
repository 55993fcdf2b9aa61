/** The text of the built js/dist/foreign.js. A build for browsers (scripts/bundle-main.mjs) puts it here. */
export default '';
