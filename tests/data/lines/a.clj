(ns tide.core
  (:require [clojure.string :as str]))
;; (defn commented [])
(defn rise "Doc (defn quoted [])" [by] by)
(defn- ^:private fall [x] x)
(def ^:dynamic *level* 0)
(defonce state (atom {}))
(defmacro with-tide [& body] body)
(defprotocol Gauge (read-level [this]))
(defrecord Meter [x]
  Gauge
  (read-level [this] x))
(defmulti shape :kind)
(defmethod shape :round [_] 1)
(deftest rises (is true))
