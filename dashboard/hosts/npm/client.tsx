/** The page without a server: the one route in its layout, drawn in the browser. */
import { render } from "preact";
import App from "../../routes/_app.tsx";
import Index from "../../routes/index.tsx";

const props = { url: new URL(location.href), Component: Index };
render(<App {...props} />, document.getElementById("app")!);
