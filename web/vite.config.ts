import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `npm run dev` serves the panel with changes shown at once; calls go to a server that runs beside it.
const server = process.env.PANEL_SERVER ?? "http://127.0.0.1:8025";

export default defineConfig({
  base: "/panel/",
  plugins: [react()],
  build: {
    outDir: "../src/postwright/panel/built",
    emptyOutDir: true,
    // The policy of the page allows no inline scripts, and data: for pictures alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: ["chrome123", "firefox120", "safari17.5"],
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { "^/(v[1-5]|postwright)/": server } },
});
