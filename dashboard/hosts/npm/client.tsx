/** The page without a server: its one route, drawn in the browser. */
import { render } from "preact";
import Index from "../../routes/index.tsx";

render(<Index />, document.getElementById("app")!);
